"""A run in a command that a sentence names: what is typed leads to it, and nothing in it steers a terminal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gradtop.trainer.record import find_run, new_run, trash_run
from gradtop.trainer.record.runs import restore_command
from gradtop.trainer.record.typed import placed, recorded, typed

NAMES = ["plain-heron", "it's a $HOME", "ev\x1b]0;title\x07\x1b[31mil", "two\nlines", "left\u202eright", "bytes\udcff", "ö \x9b31m'\\"]


def words(command: str) -> list[str]:
    """As a shell reads them."""
    printed = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True).stdout
    return [os.fsdecode(word) for word in printed.split(b"\0")[:-1]]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_typed_leads_to_the_run_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    run = new_run(tmp_path / name, "", {})
    run.path.rename(run.path.with_name(name))
    run.move(run.path.with_name(name))

    command = typed(run)

    assert command.isprintable()
    word, _, runs = words(command)
    assert find_run(Path(runs), word).path == run.path
    sentence = f"to go on: gradtop resume {recorded(run)}"
    assert placed(sentence, run) == f"to go on: gradtop resume {command}"
    assert placed(placed(sentence, run), run) == placed(sentence, run)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_taken_out_of_the_trash_by_the_command_that_is_named(tmp_path: Path, name: str) -> None:
    run = new_run(tmp_path, "", {})
    run.path.rename(run.path.with_name(name))
    run.move(run.path.with_name(name))
    command = restore_command(trash_run(run), run)
    assert command.isprintable()
    assert not run.path.exists()

    subprocess.run(["bash", "-c", command], check=True)

    assert run.config.exists()
