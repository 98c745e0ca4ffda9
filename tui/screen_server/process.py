"""What a forked process does first: become what a process started by the client would be, on the client's terminal."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import locale
import os
import resource
import signal
import socket
import sys
import tempfile
import termios
import time
from pathlib import Path

from gradtop.tui import terminal
from gradtop.tui.cli import entry
from gradtop.tui.screen_client.address import ENDED, ScreenRequest
from gradtop.tui.screen_server.clients import Surroundings

NAMES = ("stdin", "stdout", "stderr")
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class ScreenProcess:
    """The process of a screen. `controlled` is the terminal and `here` the directory, as descriptors."""

    def __init__(self, request: ScreenRequest, surroundings: Surroundings, link: socket.socket, controlled: int, here: int) -> None:
        self._request = request
        self._surroundings = surroundings
        self._link = link
        self._controlled = controlled
        self._here = here

    def close(self) -> None:
        """In the process that has forked this one."""
        os.close(self._controlled)
        os.close(self._here)

    def run(self) -> int:
        """Returns the exit code."""
        try:
            self._take_terminal()
        except OSError:
            return 1  # it is gone, and who has asked with it
        self._take_on()
        self._forget_signals()
        code = entry.command_here()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        with contextlib.suppress(OSError):
            # The server may be gone by now.
            self._link.send(ENDED + b"%d" % code, socket.MSG_DONTWAIT)
        return code

    def _take_terminal(self) -> None:
        os.setsid()
        fcntl.ioctl(self._controlled, termios.TIOCSCTTY, 0)
        for number in range(3):
            os.dup2(self._controlled, number)
        os.fchdir(self._here)
        self.close()
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text("gradtop")  # in place of the interpreter's name, for ps and top

    def _take_on(self) -> None:
        """The client's environment and limits; and what the imports have remembered of the server's."""
        os.environ.clear()
        os.environ.update(self._request.environment)
        terminal.set_coerced(self._surroundings.coerced)
        # Written down, not inherited: these are read when an interpreter starts.
        time.tzset()
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, "")
        for number, soft in self._surroundings.limits.items():
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(number, (soft, resource.getrlimit(number)[1]))
        os.umask(self._surroundings.umask)
        sys.argv = self._request.arguments
        importlib.invalidate_caches()
        tempfile.tempdir = None
        for number, name in enumerate(NAMES):
            errors = "backslashreplace" if name == "stderr" else "strict"
            stream = open(number, "w" if number else "r", encoding=self._request.encoding, errors=errors, closefd=False, buffering=1)  # noqa: SIM115 - as long as the process
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)

    def _forget_signals(self) -> None:
        """As an interpreter begins: the server's handlers and mask are its own; what the client ignores, as under nohup, stays ignored."""
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            ignored = bool(self._surroundings.ignored & (1 << (number - 1))) or number in IGNORED_BY_PYTHON
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
