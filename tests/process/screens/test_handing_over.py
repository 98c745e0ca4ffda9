"""Screens that the screen server forks, in real terminals: whoever looks at one must not see the difference."""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.process.screens.conftest import ScreenServer
from tests.process.support import GRADTOP
from tests.process.terminals import Tmux
from tests.support import wait_until

Terminal = Callable[..., Tmux]
SHELL = ("env", "PS1=in-shell: ", "bash", "--norc", "--noprofile", "-i")
STATE = "stty -a | tr ' ;' '\\n\\n' | grep -cx -e icanon -e echo -e isig -e icrnl -e opost"  # 5 as a shell has them


def watch(runs: Path) -> str:
    return shlex.join([str(GRADTOP), "watch", "last", "--runs", str(runs)])


def in_shell(tmux: Terminal, command: str) -> Tmux:
    """The command typed into a shell with job control, which says its exit code."""
    shell = tmux(*SHELL)
    shell.wait_for("in-shell:")
    shell.type(f"{command}; echo code=$?; {STATE}\n")
    return shell


def command_in(shell: Tmux) -> psutil.Process:
    return next(each for each in psutil.Process(shell.pid).children() if "watch" in each.cmdline())


def test_a_screen_is_forked_and_its_terminal_is_ours_until_it_is_left(tmp_path: Path, tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    shell = in_shell(tmux, watch(runs))
    shell.wait_for("quiet-heron", "loss")
    screen = screens.screen()
    assert os.getsid(screen.pid) == screen.pid, "a session of its own, which the scheduler weighs by itself"
    assert screen.name() == "gradtop"
    assert " ".join(screen.cmdline()).startswith("gradtop: the screen of ")
    assert screen.terminal() != psutil.Process(shell.pid).terminal()

    shell._tmux("resize-window", "-x", "80", "-y", "24")
    shell.wait_for("1 Overview 2 3")
    shell.keys("7")
    shell.wait_for("quiet-heron", "best loss|val loss")
    shell.keys("q")

    shell.wait_for("quiet-heron is done", "code=0", "^5$|\n5\n")
    wait_until(lambda: not screens.screens(), 30, "the screen to end")


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_a_screen_that_is_suspended_comes_back_with_its_job(number: int, tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    shell = tmux(*SHELL)
    shell.wait_for("in-shell:")
    shell.type(watch(runs) + "\n")
    shell.wait_for("quiet-heron", "loss")
    screen, command = screens.screen(), command_in(shell)
    for _ in range(2):
        command.send_signal(number)
        wait_until(lambda: command.status() == psutil.STATUS_STOPPED, 30, "the command to stop")
        if number == signal.SIGTSTP:
            assert screen.status() == psutil.STATUS_STOPPED
            shell.type(f"clear; {STATE}\n")
            shell.wait_for("\n5\n")
        shell.type("fg\n")
        shell.wait_for("quiet-heron", "loss", "q leave|1 Overview")
        wait_until(lambda: screen.status() != psutil.STATUS_STOPPED, 30, "the screen to go on")
        shell.keys("7")
        shell.wait_for("best loss|val loss")
        shell.keys("1")
        shell.wait_for("gradient norm")
    shell.keys("q")
    shell.wait_for("quiet-heron is done")


def test_a_screen_that_is_killed_leaves_the_terminal_as_it_was(tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    shell = in_shell(tmux, watch(runs))
    shell.wait_for("quiet-heron", "loss")

    screens.screen().kill()

    shell.wait_for("the screen was ended by signal 9; the runs are not affected", "code=137", "\n5\n")
    assert b"\x1b[?1049l" in shell.raw


def test_a_screen_ends_with_the_command_that_asked_for_it(tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    asked = tmux(*shlex.split(watch(runs)))
    asked.wait_for("quiet-heron", "loss")
    screen = screens.screen()

    os.kill(asked.pid, signal.SIGKILL)

    wait_until(lambda: not screen.is_running() or screen.status() == psutil.STATUS_ZOMBIE, 30, "the screen to end")


def test_a_command_that_is_terminated_leaves_as_with_its_key(tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    shell = in_shell(tmux, watch(runs))
    shell.wait_for("quiet-heron", "loss")

    command_in(shell).terminate()

    shell.wait_for("quiet-heron is done", "code=143", "\n5\n")
    wait_until(lambda: not screens.screens(), 30, "the screen to end")


def test_a_closed_terminal_ends_the_screen(tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    terminal = in_shell(tmux, watch(runs))
    terminal.wait_for("quiet-heron", "loss")
    screen = screens.screen()

    terminal.kill()

    wait_until(lambda: not screens.screens(), 30, f"the end of {screen}")


def test_a_screen_outlives_the_server(tmux: Terminal, serve: Callable[..., ScreenServer], runs: Path) -> None:
    screens = serve()
    shell = in_shell(tmux, watch(runs))
    shell.wait_for("quiet-heron", "loss")
    screen = screens.screen()

    screens.process.kill()
    screens.process.wait()
    shell.keys("7")
    shell.wait_for("best loss|val loss", "quiet-heron")
    shell.keys("q")

    shell.wait_for("quiet-heron is done", "code=0", "\n5\n")
    wait_until(lambda: not screen.is_running(), 30, "the screen to end")


def test_what_the_command_would_say_and_return_without_a_server_it_does_with_one(tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    shell = in_shell(tmux, shlex.join([str(GRADTOP), "watch", "nobody", "--runs", str(runs)]))
    shell.wait_for("gradtop: there is no run nobody|gradtop: .*nobody", "code=2", "\n5\n")


def test_the_screen_has_the_environment_the_directory_and_the_ignored_signals_of_its_command(
    tmp_path: Path, tmux: Terminal, screens: ScreenServer, runs: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    words = "umask 027; ulimit -S -n 512; export NO_COLOR=1 MARK=yes; trap '' USR1"
    shell = tmux("bash", "-c", f"{words}; cd {here}; exec {watch(Path('../runs'))}")
    shell.wait_for("quiet-heron", "loss")
    screen = screens.screen()
    assert Path(screen.cwd()) == here
    assert screen.rlimit(psutil.RLIMIT_NOFILE)[0] == 512
    status = Path(f"/proc/{screen.pid}/status").read_text()
    assert "Umask:\t0027" in status
    assert int(re.search(r"SigIgn:\s+(\w+)", status)[1], 16) & 1 << signal.SIGUSR1 - 1  # type: ignore[index]
    assert b"\x1b[38;2" not in shell.raw, "colors under NO_COLOR"


def test_a_command_with_another_environment_draws_for_itself(tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    shell = in_shell(tmux, f"PYTHONHASHSEED=1 {watch(runs)}")
    shell.wait_for("quiet-heron", "loss")
    assert not screens.screens()
    assert "another PYTHONHASHSEED" in screens.log.read_text()
    shell.keys("q")
    shell.wait_for("code=0")


def test_one_without_server_draws_for_itself(tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    shell = in_shell(tmux, watch(runs) + " --no-server")
    shell.wait_for("quiet-heron", "loss")
    assert not screens.screens()
    shell.keys("q")
    shell.wait_for("code=0")


def test_one_whose_errors_go_elsewhere_draws_for_itself(tmp_path: Path, tmux: Terminal, screens: ScreenServer, runs: Path) -> None:
    errors = tmp_path / "errors"
    shell = in_shell(tmux, f"{watch(runs)} 2>{errors}")
    wait_until(lambda: errors.exists() and b"quiet-heron" in errors.read_bytes(), 60, "a screen in the file")
    assert not screens.screens()
    shell.keys("q")
    shell.wait_for("code=0")
