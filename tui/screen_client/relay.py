"""A terminal handed on: keys to the pseudo-terminal of a screen that another process draws, and what it draws to ours.

The screen runs in a session of its own, which the scheduler of Linux takes for a group of its own (sched(7), "The autogroup feature"). A
training on all cores waits for whatever else runs: so the group has a tenth of the weight of others, and takes mostly what the training
leaves. Where it does not answer a key soon for that reason, it is given the weight of others until it has.
"""

from __future__ import annotations

import os
import termios
from _signal import SIG_DFL, SIGCONT, SIGHUP, SIGINT, SIGSTOP, SIGTERM, SIGTSTP, SIGWINCH, signal  # type: ignore[import-not-found]  # has no stub of its own
from _socket import MSG_DONTWAIT, socket
from fcntl import ioctl
from select import select
from time import monotonic

from gradtop.tui.screen_client.address import ENDED, KILLED, STOPPED

OPENS, ANSWERS = 0.25, 0.05  # seconds that a screen may take with what the training leaves, to open and after a key
HOLDS, LONGEST = 0.5, 2.0  # seconds for which it has the weight of others: after its answer, and without one
FRAME = 1500  # bytes; less is no first frame
RETRY = 0.1  # seconds between two changes of a weight, which the kernel wants
LAST_WORDS, SHORTLY = 2.0, 0.05  # seconds: what was drawn on a pseudo-terminal is there a little later
LOW, EQUAL = 10, 0  # with 19, beside two more processes that compute, what nobody waits for would be drawn seconds later
IFLAG, OFLAG, CFLAG, LFLAG, CC = 0, 1, 2, 3, 6
# What a screen that was killed has left: mouse, focus, paste, size reports, keyboard protocol, hidden cursor, second screen.
RESTORE = b"".join(b"\x1b[?%dl" % mode for mode in (1000, 1002, 1003, 1015, 1006, 1004, 2004, 2048)) + b"\x1b[<u\x1b[?7h\x1b[?25h\x1b[?1049l"


class Weight:
    """Of the scheduler's group that a screen is: low, but for a while where a key, or its opening, is not answered soon."""

    def __init__(self, file: str, now: float) -> None:
        """`file` is the group's in /proc; `now` and all other times are those of one clock, in seconds."""
        self._file = file
        self._nice: int | None = EQUAL
        self._wanted = LOW
        self._asked = self._answered_at = now
        self._patience, self._enough = OPENS, FRAME
        self._waiting = True
        self._tried = now - RETRY

    def ask(self, now: float) -> None:
        """A key went to the screen."""
        if not self._waiting:
            self._asked, self._patience, self._enough, self._waiting = now, ANSWERS, 1, True

    def answer(self, now: float, size: int) -> None:
        """It has drawn so many bytes."""
        self._enough -= size
        if self._waiting and self._enough <= 0:
            self._waiting, self._answered_at = False, now

    def settle(self, now: float) -> float | None:
        """Give the group the weight it should have; returns the seconds until this is to be called again, None for never."""
        if self._nice is None:
            return None
        due: float | None = None
        if self._waiting and now >= self._asked + self._patience + LONGEST:
            self._waiting, self._answered_at = False, now - HOLDS  # a key that does nothing
        if self._waiting:
            due = self._asked + self._patience
            if now >= due:
                self._wanted, due = EQUAL, due + LONGEST
        elif self._wanted == EQUAL:
            due = self._answered_at + HOLDS
            if now >= due:
                self._wanted, due = LOW, None
        if self._wanted != self._nice:
            if now >= self._tried + RETRY:
                self._tried = now
                if not self._write():
                    return None
            if self._wanted != self._nice:
                due = min(due or now + RETRY, self._tried + RETRY)
        return None if due is None else max(0.0, due - now)

    def _write(self) -> bool:
        """False where there is nothing to write to: this kernel has no such groups, or the screen has ended."""
        file = -1
        try:
            file = os.open(self._file, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
            os.write(file, b"%d" % self._wanted)
            self._nice = self._wanted
        except BlockingIOError:
            pass  # too soon after another change, by whichever process
        except OSError:
            self._nice = None
        finally:
            if file >= 0:
                os.close(file)
        return self._nice is not None


class Relay:
    """Between our terminal and `controller`, the controlling end of the screen's; `link` leads to the screen server."""

    def __init__(self, controller: int, link: socket) -> None:
        """Raises termios.error."""
        self.attributes = termios.tcgetattr(0)
        self._controller = controller
        self._link = link
        self._pid = 0
        self._code: int | None = None

    def resize(self) -> None:
        """Give the screen's terminal the size of ours."""
        size = bytes(8)
        try:  # noqa: SIM105 - without contextlib
            ioctl(self._controller, termios.TIOCSWINSZ, ioctl(0, termios.TIOCGWINSZ, size))
        except OSError:
            pass  # one of the two has gone

    def until_the_end(self, pid: int) -> int:
        """Hand on until the screen, the process `pid`, has ended; returns its exit code. The terminal is then as it was."""
        self._pid = pid
        for number in (SIGTERM, SIGHUP, SIGINT, SIGTSTP):
            signal(number, self._pass_on)
        signal(SIGWINCH, lambda *_: self.resize())
        signal(SIGCONT, lambda *_: self._go_on())
        self.resize()
        self._raw()
        try:
            self._hand_on()
        finally:
            signal(SIGCONT, SIG_DFL)
            signal(SIGTSTP, SIG_DFL)
            self._restore()
        return 1 if self._code is None else self._code

    def _hand_on(self) -> None:
        weight = Weight(f"/proc/{self._pid}/autogroup", monotonic())
        open_link = True
        until: float | None = None
        while True:
            now = monotonic()
            wait = weight.settle(now)
            if until is not None:
                wait = max(0.0, until - now)
                if self._code is not None or wait == 0.0:
                    return
            heard: list[int | socket] = [self._link] if open_link else []
            ready = select(heard + ([0, self._controller] if until is None else []), [], [], wait)[0]
            if self._controller in ready:
                drawn = self._read(self._controller)
                if not drawn:
                    until = monotonic() + LAST_WORDS  # its terminal is closed: how it ended is told
                    continue
                weight.answer(monotonic(), len(drawn))
                if not write(1, drawn):
                    self._hang_up()
            if 0 in ready:
                typed = self._read(0)
                if not typed:
                    self._hang_up()
                weight.ask(monotonic())
                write(self._controller, typed)
            if self._link in ready:
                open_link = self._hear()
                if not open_link or self._code is not None:
                    self._drain()
                    if self._code is not None or until is not None:
                        return
                    until = monotonic() + LAST_WORDS

    def _hear(self) -> bool:
        """What the server or the screen tells; False where nobody will any more."""
        try:
            message = self._link.recv(64, MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        kind, number = message[:1], message[1:]
        if kind == STOPPED:
            self._stop()
        elif kind == ENDED and self._code is None:
            self._code = int(number)
        elif kind == KILLED and self._code is None:
            self._code = 128 + int(number)
            self._drain()
            write(1, RESTORE)
            self._restore()
            write(2, b"gradtop: the screen was ended by signal %d; the runs are not affected\n" % int(number))
        return bool(message)

    def _drain(self) -> None:
        """What was drawn before it stopped, or before its end, which closes its terminal."""
        wait = SHORTLY if self._code is None else LAST_WORDS
        while select([self._controller], [], [], wait)[0] and (drawn := self._read(self._controller)):
            if not write(1, drawn):
                return

    def _hang_up(self) -> None:
        """Our terminal is gone, and the screen's with it."""
        os.close(self._controller)
        os._exit(128 + SIGHUP)

    def _stop(self) -> None:
        """The screen has stopped itself, as it does for Ctrl+Z: so does this process, for the shell to go on."""
        self._drain()
        self._restore()
        os.kill(os.getpid(), SIGSTOP)

    def _go_on(self) -> None:
        self._raw()
        self.resize()
        self._pass_on(SIGCONT)

    def _pass_on(self, number: int, _frame: object = None) -> None:
        if self._code is None and self._pid > 1:
            try:  # noqa: SIM105
                os.kill(self._pid, number)
            except OSError:
                pass  # it has just ended

    def _read(self, descriptor: int) -> bytes:
        try:
            return os.read(descriptor, 1 << 16)
        except OSError:
            return b""

    def _raw(self) -> None:
        """As cfmakeraw(3): the screen's terminal does what ours would do."""
        mode = [*self.attributes[:6], [*self.attributes[6]]]
        mode[IFLAG] &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON)
        mode[OFLAG] &= ~termios.OPOST
        mode[LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        mode[CFLAG] = mode[CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        mode[CC][termios.VMIN], mode[CC][termios.VTIME] = 1, 0
        self._set(mode)

    def _restore(self) -> None:
        self._set(self.attributes)

    def _set(self, attributes: list[object]) -> None:
        try:  # noqa: SIM105
            termios.tcsetattr(0, termios.TCSANOW, attributes)  # type: ignore[arg-type]  # as tcgetattr gives them
        except termios.error:
            pass  # it is gone


def write(descriptor: int, data: bytes) -> bool:
    """All of it; False where nobody reads it any more."""
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        return False
    return True
