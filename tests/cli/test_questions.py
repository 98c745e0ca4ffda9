"""What a command asks at a real terminal: each answer, the end of the input, an interrupt, and no terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from gradtop.trainer.config import dump_config, parse_config
from gradtop.trainer.record import new_run
from tests.cli.command import GRADTOP, environment
from tests.cli.fake_worker import FakeWorker
from tests.support import wait_until
from tests.tui.runs_fixture import living_run

# The terminal becomes the one whose Ctrl+C interrupts the command.
AT_A_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
CONSEQUENCE = "training.epochs = 1 would end the run now"
ENDS = {"enter": b"\r", "no": b"n\r", "other": b"yse\r", "end of input": b"\x04", "no text": b"\xff\r"}


def answered(folder: Path, keys: bytes, *words: str) -> tuple[int, str]:
    """Exit code and terminal of a command that asks one question and is answered with these keys."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", AT_A_TERMINAL, *GRADTOP, *words]
    process = subprocess.Popen(command, cwd=folder, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    data = bytearray()
    asked = ended = False

    def done() -> bool:
        nonlocal asked, ended
        while not ended and select.select([ours], [], [], 0)[0]:
            try:
                data.extend(more := os.read(ours, 65536))
            except OSError:  # the other end is closed and all is read
                more = b""
            ended = not more
        if not asked and data.endswith(b"[y/N] "):
            asked = True
            os.write(ours, keys)
        return ended

    wait_until(done, why="the command's end")
    os.close(ours)
    return process.wait(30), data.decode("utf-8", "replace").replace("\r\n", "\n")


def test_a_live_change_with_a_consequence_is_made_only_for_a_yes(tmp_path: Path) -> None:
    run, grower = living_run(tmp_path / "runs")
    run.config.write_text(dump_config(parse_config('[data]\nkind = "fake"\n')))
    words = ("set", "last", "training.epochs=1")
    with FakeWorker(run, grower, consequence=CONSEQUENCE) as worker:
        for name, keys in ENDS.items():
            code, said = answered(tmp_path, keys, *words)
            assert code == 1, name
            assert said.endswith("\nNothing was changed.\n"), name
            assert "Traceback" not in said, name
        code, said = answered(tmp_path, b"\x03", *words)
        assert (code, said) == (130, f"quiet-heron: {CONSEQUENCE}\nApply it? [y/N] ^C\n")
        assert not any(arguments.get("confirmed") for _, arguments in worker.seen)
        code, said = answered(tmp_path, b"Y\r", *words)
        assert (code, said) == (0, f"quiet-heron: {CONSEQUENCE}\nApply it? [y/N] Y\nquiet-heron: set it is\n")
        assert worker.seen[-1] == ("set", {"changes": {"training.epochs": 1}, "confirmed": True})
        piped = subprocess.run([*GRADTOP, *words], cwd=tmp_path, env=environment(), input="y\n", capture_output=True, text=True, check=False, timeout=60)
        assert (piped.returncode, piped.stderr) == (2, f"gradtop: quiet-heron: {CONSEQUENCE}; to apply it, add --yes\n")


@pytest.mark.parametrize(("keys", "code"), [(b"\r", 2), (b"\x04", 2), (b"\x03", 130)], ids=["enter", "end of input", "ctrl+c"])
def test_code_of_a_foreign_run_is_started_only_for_a_yes(tmp_path: Path, keys: bytes, code: int) -> None:
    touched = tmp_path / "code-was-run"
    new_run(tmp_path / "runs", f'[model]\nkind = "custom"\ntarget = "os:mkdir"\narguments = {{path = "{touched}"}}\n', {}, name="foreign")
    found, said = answered(tmp_path, keys, "rerun", "foreign", "--detach")
    assert found == code
    assert "The run names custom code that you have not started here before: model.target = os:mkdir" in said
    assert said.endswith("not confirmed; nothing was started\n" if code == 2 else "Run it? [y/N] ^C\n")
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert not touched.exists()
