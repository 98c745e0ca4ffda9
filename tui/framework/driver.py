"""The terminal's driver."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textual import constants
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from gradtop.tui.framework.pasting import Pasting

# A key's sequence comes in one piece; Textual (8.2) waits a tenth of a second for the rest of one, and each escape key with it.
ESCAPE = constants.ESCAPE_DELAY if "ESCDELAY" in os.environ else 0.025  # seconds
PASTE = 1.0  # seconds without a sign after which a paste has ended, whose end was lost: until then all keys are text
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
CLOSED = -1


class TerminalDriver(LinuxDriver):
    """Sleeps until something is typed: Textual's own (8.2) wakes ten times a second, which a training on all cores feels. Tells an escape early.

    A signal that asks the process to end leaves the screen as its key does, so that the terminal is as it was; a second one does so
    at once. A process that was stopped, by whichever signal, goes on with the terminal as if it had begun.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ended, self._end = os.pipe()
        self._is_ending = False
        self._held: list[str] | None = None  # of a frame that is being drawn
        self._attributes: list[Any] | None = None  # of the terminal, as we found it

    def start_application_mode(self) -> None:
        if self._end == CLOSED:
            self._ended, self._end = os.pipe()
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, self._leave, number)
        # Textual's own handlers (8.2) run in the middle of whatever writes to the terminal.
        loop.add_signal_handler(signal.SIGTSTP, self._sigtstp_application)
        loop.add_signal_handler(signal.SIGCONT, self._sigcont_application)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._attributes = self._attributes or self.attrs_before
        self.attrs_before = self._attributes

    def resume_application_mode(self) -> None:
        """Take the terminal again. After SIGSTOP, of which no process hears, nothing was given back before: a second thread would read half of the keys."""
        if self._key_thread is not None and self._key_thread.is_alive():
            self.suspend_application_mode()
        super().resume_application_mode()
        self._app.call_later(self._app.refresh)

    def _leave(self, number: int) -> None:
        if self._is_ending:
            self.stop_application_mode()
            self.close()
            os._exit(128 + number)
        self._is_ending = True
        self._app.exit(return_code=128 + number)

    def run_input_thread(self) -> None:
        """Read keys until `disable_input`, or until the terminal is gone."""
        parser, pasting = XTermParser(self._debug), Pasting()
        decode = getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            due = parser._timeout_time  # noqa: SLF001 - an escape that may begin a sequence is a key after a moment
            wait = PASTE if pasting.open else None if due is None else max(0.0, due - get_time())
            ready, _, _ = select.select([self.fileno, self._ended], [], [], wait)
            if self.fileno in ready:
                data = os.read(self.fileno, 4096)
                if not data:
                    return
                if text := pasting.plain(decode(data)):
                    for event in parser.feed(text):
                        self.process_message(event)
                    if parser._timeout_time is not None:  # noqa: SLF001
                        parser._timeout_time = min(parser._timeout_time, get_time() + ESCAPE)  # noqa: SLF001
            elif pasting.open and not ready:
                for event in parser.feed(pasting.end()):
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)
        os.read(self._ended, 1)

    @contextmanager
    def in_one_piece(self) -> Iterator[None]:
        """Hold what is written meanwhile, and write all of it at the end.

        Textual (8.2) writes the begin of a frame before it draws it: its thread for writing takes turns with the drawing, and the terminal waits.
        """
        held: list[str] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            if held:
                self.write("".join(held))

    def write(self, data: str) -> None:
        if self._held is None:
            super().write(data)
        else:
            self._held.append(data)

    def disable_input(self) -> None:
        if self._key_thread is not None and self._key_thread.is_alive():
            os.write(self._end, b"\0")
        super().disable_input()

    def close(self) -> None:
        super().close()
        os.close(self._ended)
        os.close(self._end)
        self._ended = self._end = CLOSED
