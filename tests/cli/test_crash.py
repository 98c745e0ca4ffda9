"""A screen that fails: one sentence, a file, and no pages of stack on the terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from gradtop.tui.cli import crash
from gradtop.tui.screens.overview.screen import Overview
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run

# The command with a screen that fails, in the way that the words before it say.
FAILING = """
import sys
from gradtop.tui.reading import poll
from gradtop.tui.screens.overview.screen import Overview

def fails(*_):
    raise ZeroDivisionError("all is lost\\x1b[31m")

{place} = fails
from gradtop.tui.cli.entry import main
sys.exit(main())
"""
# The same with a package that is removed meanwhile, as by an installation of another version.
REMOVED = """
import importlib, os, sys
sys.path.append({folder!r})
import package_of_a_test
from gradtop.tui.screens.overview.screen import Overview

def fails(*_):
    os.remove(package_of_a_test.__file__)
    importlib.import_module("package_of_a_test.rest")

Overview.show = fails
from gradtop.tui.cli.entry import main
sys.exit(main())
"""


def terminal(tmp_path: Path, script: str, home: Path) -> tuple[int, str]:
    """Exit code and all that was written to a terminal by a screen that fails."""
    fake_run(tmp_path / "runs", "quiet-heron", steps=40)
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "HOME": str(home), "XDG_STATE_HOME": str(home)}
    command = [sys.executable, "-P", "-c", script, "watch", "last", "--runs", str(tmp_path / "runs"), "--no-server"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True) as failing:
        os.close(theirs)
        shown = b""
        while chunk := read(ours):
            shown += chunk
        code = failing.wait(60)
    os.close(ours)
    return code, shown.decode("utf-8", "replace")


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("place", ["Overview.show", "Overview.compose", "poll.Poll.run"])
def test_a_failure_leaves_one_sentence_and_a_file_with_its_stack(tmp_path: Path, place: str) -> None:
    code, shown = terminal(tmp_path, FAILING.format(place=place), tmp_path / "state")
    path = tmp_path / "state" / "gradtop" / "crash.txt"
    assert code == 1
    assert f"gradtop: the screen failed: ZeroDivisionError: all is lost. Runs are not affected. Details for a bug report: {path}" in shown
    assert "Traceback" not in shown
    text = path.read_text()
    assert text.startswith("gradtop ")
    assert "in fails\n" in text
    assert "ZeroDivisionError: all is lost" in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_no_file_can_be_written_the_stack_is_printed_plainly(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, where a folder is wanted")
    code, shown = terminal(tmp_path, FAILING.format(place="Overview.show"), tmp_path / "state")
    assert code == 1
    assert "Please report this:" in shown
    assert "in fails" in shown


def test_a_package_that_is_replaced_under_an_open_screen_is_named(tmp_path: Path) -> None:
    (tmp_path / "package_of_a_test").mkdir()
    (tmp_path / "package_of_a_test" / "__init__.py").touch()
    code, shown = terminal(tmp_path, REMOVED.format(folder=str(tmp_path)), tmp_path / "state")
    assert code == 1
    assert "gradtop: package_of_a_test changed on disk while the screen was open (ModuleNotFoundError: No module named 'package_of_a_test.rest'); start it again." in shown
    assert "Traceback" not in shown


async def test_tests_still_see_the_failure_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fake_run(tmp_path / "runs", "quiet-heron", steps=40, state="done")

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Overview, "show", fails)
    with pytest.raises(ZeroDivisionError):
        async with piloted(tmp_path, run):
            pass


def test_a_summary_is_one_line() -> None:
    assert crash.summary(ValueError("a.\nb.")) == "ValueError: a. b"
    assert crash.summary(KeyboardInterrupt()) == "KeyboardInterrupt"
