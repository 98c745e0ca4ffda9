"""What a forked process does first: become what a process started by the client would be, on the client's terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import socket
import sys
import termios

from gradtop.trainer.launch.forking import forget_signals, set_title, take_on
from gradtop.tui import terminal
from gradtop.tui.cli import entry
from gradtop.tui.screen_client.address import ENDED, ScreenRequest
from gradtop.tui.screen_server.clients import Surroundings

NAMES = ("stdin", "stdout", "stderr")


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
        forget_signals(self._surroundings.ignored)
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

    def _take_on(self) -> None:
        take_on(self._request.environment, self._surroundings.limits, self._surroundings.umask)
        terminal.set_coerced(self._surroundings.coerced)
        sys.argv = self._request.arguments
        set_title(f"gradtop: the screen of {shlex.join(self._request.arguments)}")
        for number, name in enumerate(NAMES):
            errors = "backslashreplace" if name == "stderr" else "strict"
            stream = open(number, "w" if number else "r", encoding=self._request.encoding, errors=errors, closefd=False, buffering=1)  # noqa: SIM115 - as long as the process
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
