"""A worker that the command started, whatever becomes of the terminal and wherever it was started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, read_meta
from tests.process.support import CONFIG, FOREVER, GRADTOP, Process, stat_of, wait_for_run, wait_for_step

# As a terminal emulator does it: the command's standard input is the terminal of a session of its own.
ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def terminal() -> Iterator[Callable[..., tuple[int, subprocess.Popen[bytes]]]]:
    started: list[tuple[int, subprocess.Popen[bytes]]] = []

    def start(*command: str, cwd: Path) -> tuple[int, subprocess.Popen[bytes]]:
        """Run a command in a new terminal; returns the terminal's other end, and the command."""
        keyboard, screen = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, *command], cwd=cwd, stdin=screen, stdout=screen, stderr=screen, start_new_session=True
        )
        os.close(screen)
        started.append((keyboard, process))
        return started[-1]

    yield start
    for _, process in started:
        process.kill()
        process.wait()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project, with modules that have the names of ours, of Python's and of PyTorch."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("trainer", "tui", "random", "torch", "signal"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'imported')!r}, 'a').write({name!r})\nraise SystemExit(3)\n")
    (folder / "run.toml").write_text(CONFIG.format(epochs=FOREVER))
    return folder


def test_a_closed_terminal_leaves_the_run_of_a_project_with_its_own_trainer_untouched(
    project: Path,
    terminal: Callable[..., tuple[int, subprocess.Popen[bytes]]],
    adopt: Callable[[Run], Process],
    tmp_path: Path,
) -> None:
    runs = tmp_path / "runs"
    keyboard, command = terminal(str(GRADTOP), "train", "run.toml", "--runs", str(runs), cwd=project)
    run = wait_for_run(runs)
    worker = adopt(run)
    wait_for_step(run, 20, 90)
    state, parent, _, session, tty = stat_of(worker.pid)[:5]
    assert (int(parent) in {command.pid, os.getpid()}, int(session) in {os.getsid(0), command.pid}, tty) == (False, False, "0"), state

    os.write(keyboard, b"\x03")
    assert command.wait(30) == 130
    wait_for_step(run, wait_for_step(run, 0).step + 50)
    os.close(keyboard)

    wait_for_step(run, wait_for_step(run, 0).step + 50)
    assert worker.alive
    assert not (project / "imported").exists()
    assert Path(f"/proc/{worker.pid}/cwd").resolve() == project
    assert read_meta(run).cwd == str(project)
    assert {"torch", "python"} <= set(read_meta(run).versions)


def test_a_terminal_that_is_closed_while_the_command_follows_takes_only_the_command_with_it(
    tmp_path: Path,
    terminal: Callable[..., tuple[int, subprocess.Popen[bytes]]],
    adopt: Callable[[Run], Process],
) -> None:
    (tmp_path / "run.toml").write_text(CONFIG.format(epochs=FOREVER))
    keyboard, command = terminal(str(GRADTOP), "train", "run.toml", cwd=tmp_path)
    run = wait_for_run(tmp_path / "runs")
    worker = adopt(run)

    # In the seconds in which the worker imports, it does not yet ignore the signal; that it gets none is enough.
    os.close(keyboard)

    assert command.wait(30) != 0
    wait_for_step(run, 20, 90)
    assert worker.alive
