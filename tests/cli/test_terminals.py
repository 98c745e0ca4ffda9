"""Real processes, for what only these show: pipes that close, streams that are missing or full, interrupts, locales, terminals."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.cli.command import GRADTOP, environment
from tests.support import wait_until
from tests.tui.runs_fixture import living_run


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `gradtop` is the command."""
    text = script.replace("gradtop", " ".join(GRADTOP))
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", text], cwd=folder, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_reader_that_has_seen_enough_is_no_fault(runs: Path) -> None:
    for number in range(300):
        (runs / f"20260101-0000-run-{number}").mkdir()
        (runs / f"20260101-0000-run-{number}" / "run.toml").write_text("")
    done = shell("gradtop ls | head -1", runs.parent)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)
    done = shell("gradtop show last --json | true", runs.parent)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_closed_stream_is_no_fault(runs: Path, closed: str) -> None:
    done = shell(f"gradtop ls {closed}", runs.parent)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 4)


def test_without_standard_output_the_work_is_done_all_the_same(runs: Path) -> None:
    done = shell("gradtop export amber --to csv --output out >&- <&-", runs.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # A file that came to lie on a closed descriptor would hold what was printed.
    assert (runs.parent / "out" / "evals.csv").read_text().splitlines()[0] == "step,time,epoch,loss,accuracy"
    assert (runs.parent / "out" / "steps.csv").read_text().splitlines()[0].startswith("step,time,loss,")
    done = shell("gradtop ls >&- 2>&-", runs.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_output_onto_a_full_disk_is_one_sentence(runs: Path) -> None:
    done = shell("gradtop ls > /dev/full", runs.parent)
    assert (done.returncode, done.stderr) == (2, "gradtop: No space left on device\n")


@pytest.mark.parametrize("variables", [{"LANG": "C"}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_what_the_encoding_has_not_is_spelt_out(runs: Path, variables: dict[str, str]) -> None:
    done = shell("gradtop ls; gradtop show tidy; gradtop plot amber loss; gradtop stop amber", runs.parent, **variables)
    assert done.returncode == 2
    assert done.stdout.isascii()
    assert "optimizer.lr 1e-3 ->3e-4" in done.stdout
    assert "?" not in done.stdout.partition("created")[0]
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_the_following_with_130_and_leaves_the_run_alone(tmp_path: Path) -> None:
    run, _ = living_run(tmp_path / "runs")
    process = subprocess.Popen(
        [*GRADTOP, "watch", "quiet-heron"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().split()[0] == "epoch"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out.endswith("quiet-heron continues in the background. Watch: gradtop watch quiet-heron · stop: gradtop stop quiet-heron\n")
    assert err == ""
    assert list(run.control.iterdir()) == []


def on_a_terminal(arguments: list[str], folder: Path, size: tuple[int, int] = (24, 80), **variables: str) -> tuple[int, str]:
    """Exit code and output of a command on a pseudo-terminal of this size (lines, columns)."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    process = subprocess.Popen(
        [*GRADTOP, *arguments], cwd=folder, env=environment(**variables), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    data = bytearray()

    def read() -> bool:
        while select.select([ours], [], [], 0)[0]:
            try:
                more = os.read(ours, 65536)
            except OSError:  # the other end is closed and all is read
                return True
            if not more:
                return True
            data.extend(more)
        return False

    wait_until(read, why="the command's end")
    os.close(ours)
    return process.wait(30), data.decode()


def test_a_table_fits_the_terminal_and_states_have_colours(runs: Path) -> None:
    code, out = on_a_terminal(["ls"], runs.parent)
    assert code == 0
    assert "\x1b[31m✕ failed\x1b[0m" in out
    plain = [line.replace("\x1b[31m", "").replace("\x1b[36m", "").replace("\x1b[2m", "").replace("\x1b[0m", "") for line in out.splitlines()]
    assert max(map(len, plain)) <= 80
    assert plain[1].endswith("…")
    code, out = on_a_terminal(["ls"], runs.parent, NO_COLOR="1")
    assert "\x1b" not in out


def test_a_plot_fills_the_terminal(runs: Path) -> None:
    code, out = on_a_terminal(["plot", "amber", "loss"], runs.parent, (24, 64), NO_COLOR="1")
    assert code == 0
    assert max(map(len, out.splitlines())) == 64
    _, out = on_a_terminal(["plot", "amber", "loss"], runs.parent, TERM="dumb")
    assert "\x1b" not in out
    _, out = on_a_terminal(["plot", "amber", "loss"], runs.parent)
    assert "\x1b[38;5;6m" in out or "\x1b[36m" in out


def test_a_dumb_terminal_gets_lines_instead_of_the_screen(runs: Path) -> None:
    code, out = on_a_terminal(["watch", "amber"], runs.parent, TERM="dumb")
    assert code == 0
    assert out.splitlines()[-1].startswith("amber-finch is done after ")
    assert "\x1b" not in out
    code, out = on_a_terminal([], runs.parent, TERM="dumb")
    assert code == 2
    assert "gradtop: the screen needs a terminal." in out
