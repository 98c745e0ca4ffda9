"""Real signals to a real screen on a pseudo-terminal, and Ctrl+C to commands at any moment."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gradtop.trainer.record import new_run
from gradtop.trainer.runtime.children import is_stopped
from tests.support import wait_until
from tests.tui.runs_fixture import fake_run

# Says so when the first module of the command is imported.
STARTED = """
import sys
from gradtop.tui.cli.entry import main
def tell(event, arguments):
    if event == "import" and arguments[0] == "gradtop.tui.cli.main":
        print("started", flush=True)
sys.addaudithook(tell)
sys.exit(main())
"""
# An interrupt right after asyncio has set its handler, before it counts.
AS_IT_BEGINS = """
import signal, sys
from gradtop.tui.cli.entry import main
install = signal.signal
def installed(number, handler):
    before = install(number, handler)
    if number == signal.SIGINT and "_on_sigint" in repr(handler):
        signal.raise_signal(number)
    return before
signal.signal = installed
sys.exit(main())
"""
# An interrupt that ends the app before it begins to read runs, which it then does once its threads have been told to end.
BEFORE_IT_READS = """
import sys
from gradtop.tui.app import GradtopApp
from gradtop.tui.cli.entry import main
from textual.worker_manager import WorkerManager
cancel, begin = WorkerManager.cancel_all, GradtopApp._start_polling
def cancelled(workers):
    cancel(workers)
    begin(workers._app)
WorkerManager.cancel_all = cancelled
GradtopApp._start_polling = lambda app: app.exit(return_code=130)
sys.exit(main())
"""
COMMAND = (sys.executable, "-P", "-m", "gradtop")
# What the screen switches on, and what switches it off: alternate screen, cursor, mouse, focus, pasted text, line wrap, keys.
SWITCHES = {
    b"\x1b[?1049h": b"\x1b[?1049l",
    b"\x1b[?25l": b"\x1b[?25h",
    b"\x1b[?1000h": b"\x1b[?1000l",
    b"\x1b[?1003h": b"\x1b[?1003l",
    b"\x1b[?1006h": b"\x1b[?1006l",
    b"\x1b[?1004h": b"\x1b[?1004l",
    b"\x1b[?2004h": b"\x1b[?2004l",
    b"\x1b[?7l": b"\x1b[?7h",
    b"\x1b[>": b"\x1b[<u",
}


class Terminal:
    """A pseudo-terminal with one command, the leader of its session."""

    def __init__(self, home: Path, *arguments: str, script: str) -> None:
        ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        env = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(home)}
        command = [sys.executable, "-P", "-c", script] if script else COMMAND
        self.process = subprocess.Popen([*command, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
        self.theirs, self.ours, self.said = theirs, ours, b""

    def read(self, seconds: float) -> bool:
        """Whether something came within so long."""
        if not select.select([self.ours], [], [], seconds)[0]:
            return False
        self.said += os.read(self.ours, 65536)
        return True

    def read_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.read(left)

    def until(self, words: bytes) -> None:
        while words not in self.said:
            assert self.read(60), self.said

    def ends(self) -> int:
        """The exit code; whatever it says meanwhile is read."""
        wait_until(lambda: (self.read(0.0) or True) and self.process.poll() is not None, 60, "the command to end")
        while self.read(0.0):
            pass
        return self.process.returncode


@contextmanager
def terminal(home: Path, *arguments: str, script: str = "") -> Iterator[Terminal]:
    """The command, begun by a script where one is given; STARTED says so as soon as it imports the command."""
    opened = Terminal(home, *arguments, script=script)
    try:
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait()
        os.close(opened.ours)
        os.close(opened.theirs)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_screen_and_the_terminal_as_it_was(tmp_path: Path, number: signal.Signals) -> None:
    fake_run(tmp_path, "quiet-heron", state="done", steps=40)
    with terminal(tmp_path, "watch", "last", "--runs", str(tmp_path), "--no-server") as screen:
        screen.until(b"quiet-heron")
        screen.process.send_signal(number)

        assert screen.ends() == 128 + number

        assert termios.tcgetattr(screen.theirs) == screen.before
        for on, off in SWITCHES.items():
            assert on in screen.said, on
            assert screen.said.rindex(off) > screen.said.rindex(on), on
        farewell = screen.said[screen.said.rindex(b"\x1b[?1049l") :]
        assert b"Reopen: gradtop watch quiet-heron" in farewell
        assert b"Traceback" not in screen.said


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
def test_a_screen_that_was_stopped_goes_on_reads_each_key_once_and_leaves_the_terminal_as_it_was(tmp_path: Path, number: signal.Signals) -> None:
    fake_run(tmp_path, "quiet-heron", state="done", steps=40)
    with terminal(tmp_path, "watch", "last", "--runs", str(tmp_path), "--no-server") as screen:
        screen.until(b"quiet-heron")
        for _ in range(2):
            screen.process.send_signal(number)
            wait_until(lambda: (screen.read(0.0) or True) and is_stopped(screen.process.pid), 60, "the stop")
            drawn = len(screen.said)
            screen.process.send_signal(signal.SIGCONT)
            wait_until(lambda: (screen.read(0.0) or True) and b"Overview" in screen.said[drawn:], 60, "the whole picture")  # noqa: B023 - called at once
        os.write(screen.ours, b"2")
        screen.until(b"formula")
        os.write(screen.ours, b"q")

        assert screen.ends() == 0

        assert termios.tcgetattr(screen.theirs) == screen.before
        assert screen.said.count(b"\x1b[<u") == screen.said.count(b"\x1b[>")


# Interrupts itself at the import of its nth module; what Python itself does before any code of ours is beyond reach.
INTERRUPTED = """
import signal, sys
left = {number}
def interrupt(event, _arguments):
    global left
    left -= event == "import"
    if left == 0:
        left = -1
        signal.raise_signal(signal.SIGINT)
from gradtop.tui.cli.entry import main
sys.addaudithook(interrupt)
sys.exit(main())
"""


@pytest.mark.parametrize("number", [1, 2, 5, 12, 25, 40, 60])
def test_an_interrupt_at_any_import_ends_a_command_without_a_stack(tmp_path: Path, number: int) -> None:
    new_run(tmp_path, "", {}, name="x")
    command = [sys.executable, "-P", "-c", INTERRUPTED.format(number=number), "ls", "--runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(("inherited", "code"), [("SIG_IGN", 0), ("default_int_handler", -signal.SIGINT)])
def test_an_interrupt_before_the_command_begins_ends_the_process_without_a_stack_unless_interrupts_are_ignored(inherited: str, code: int) -> None:
    """As in the console script between its imports and its call; a shell starts what is in the background with interrupts ignored."""
    interrupted = (
        f"import signal, sys\nsignal.signal(signal.SIGINT, signal.{inherited})\n"
        "from gradtop.tui.cli.entry import main\n"
        "signal.raise_signal(signal.SIGINT)\n"
        "sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-P", "-c", interrupted, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")


def test_an_interrupt_just_as_the_screen_begins_ends_it_without_a_stack(tmp_path: Path) -> None:
    fake_run(tmp_path, "quiet-heron", state="done", steps=40)
    with terminal(tmp_path, "watch", "last", "--runs", str(tmp_path), "--no-server", script=AS_IT_BEGINS) as screen:
        assert screen.ends() == 130, screen.said
        assert b"Traceback" not in screen.said
        assert termios.tcgetattr(screen.theirs) == screen.before


def test_an_interrupt_before_the_first_reading_leaves_no_thread_that_reads(tmp_path: Path) -> None:
    fake_run(tmp_path, "quiet-heron", state="done", steps=40)
    with terminal(tmp_path, "watch", "last", "--runs", str(tmp_path), "--no-server", script=BEFORE_IT_READS) as screen:
        assert screen.ends() == 130, screen.said


@pytest.mark.parametrize("moment", [0.01, 0.1, 0.2, 0.3, 0.5])
def test_an_interrupt_of_a_command_that_opens_the_screen_restores_the_terminal(tmp_path: Path, moment: float) -> None:
    fake_run(tmp_path, "quiet-heron", state="done", steps=40)
    with terminal(tmp_path, "watch", "last", "--runs", str(tmp_path), "--no-server", script=STARTED) as screen:
        screen.until(b"started")
        screen.read_for(moment)
        screen.process.send_signal(signal.SIGINT)

        code = screen.ends()

        assert code == 130, screen.said
        assert termios.tcgetattr(screen.theirs) == screen.before
        assert screen.said.count(b"\x1b[?1049h") == screen.said.count(b"\x1b[?1049l")
        assert b"Traceback" not in screen.said
        assert b"ignored" not in screen.said


def test_a_command_whose_reader_ends_is_done(tmp_path: Path) -> None:
    for number in range(40):
        new_run(tmp_path, "", {}, name=f"x{number}")
    listing = subprocess.Popen([*COMMAND, "ls", "--json", "--runs", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert listing.stdout is not None
    assert listing.stderr is not None
    listing.stdout.readline()
    listing.stdout.close()
    assert (listing.stderr.read(), listing.wait(60)) == (b"", 0)
    listing.stderr.close()


def test_what_fails_because_of_an_interrupt_is_reported_as_one() -> None:
    code = (
        "import sys\nfrom gradtop.tui.cli import entry, main\n"
        "def fail():\n try: raise KeyboardInterrupt\n finally: {}['put back']\n"
        "main.main = fail\nsys.exit(entry.main())"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_command_that_fails_tells_where_and_steers_no_terminal() -> None:
    code = (
        "import sys\nfrom gradtop.tui.cli import entry, main\n"
        "def fail(): raise ZeroDivisionError('all is \\x1b[2J\\x1b]0;lost\\x07')\n"
        "main.main = fail\nsys.exit(entry.main())"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError: all is [2J]0;lost" in done.stderr
    assert "line 3, in fail" in done.stderr
    assert "\x1b" not in done.stderr
