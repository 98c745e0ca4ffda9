"""The README says what is so: its generated parts, its commands, the files that it names, its line of NumPy."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from gradtop.tui.cli import main as cli
from tests.readme import MADE, PART, README, renewed
from tests.tui.runs_fixture import fake_run

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:^    .*\n)+", TEXT, re.MULTILINE)
LINES = [line.strip() for block in BLOCKS for line in block.splitlines()]
TYPED = [line for line in LINES if line.startswith("gradtop ")] + re.findall(r"`(gradtop [^`]+)`", TEXT)
NUMPY = next(line for line in LINES if line.startswith("numpy."))


def test_its_generated_parts_are_those_of_the_declarations() -> None:
    assert renewed(TEXT) == TEXT, "python -m tests.readme renews it"
    assert {part[2] for part in PART.finditer(TEXT)} == set(MADE)


def test_a_stale_part_is_renewed() -> None:
    stale = TEXT.replace("| `q` | Leave. The run goes on. | everywhere |", "| `q` | Stop. | everywhere |")
    assert stale != TEXT
    assert renewed(stale) == TEXT


def test_it_opens_with_one_sentence_a_picture_and_two_commands() -> None:
    first, sentence, picture = (part.strip() for part in TEXT.split("\n\n")[:3])
    assert first == "# gradtop"
    assert sentence.count(".") == 1
    assert picture.startswith("![")
    install = "python3 -m venv .venv && .venv/bin/pip install -e"
    assert LINES[:2] == [
        f"{install} . && .venv/bin/gradtop train configs/digits.toml --watch",
        f"{install} '.[test]' && .venv/bin/pytest",
    ]


@pytest.mark.parametrize("line", [line for line in TYPED if line.split()[1] in cli.COMMANDS])
def test_its_commands_can_be_typed(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    said, code = io.StringIO(), cli.DONE
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            cli.parse(words)
        except SystemExit as ending:
            code = int(ending.code or 0)
    # A command that is named alone may lack what it is to be done to.
    assert code == cli.DONE or len(words) == 1, said.getvalue()


def test_it_names_no_command_that_is_none() -> None:
    named = {line.split()[1] for line in TYPED}
    assert {name for name in named if not name.startswith("-")} <= set(cli.COMMANDS)


def test_the_files_it_names_are_there() -> None:
    named = set(re.findall(r"\b(?:configs|tests|tui|trainer)/[\w/.-]+\.\w+", TEXT)) | set(re.findall(r"\]\(([^)#]+)\)", TEXT))
    assert "configs/digits.toml" in named
    assert not [name for name in named if not (ROOT / name).is_file()]


def test_the_picture_is_one_that_the_app_made() -> None:
    picture = (ROOT / "tests" / "screenshot.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "gradient" in picture


def test_its_line_of_numpy_reads_a_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    run, grower = fake_run(tmp_path, steps=100)
    grower.close()
    monkeypatch.chdir(run.path)
    read = eval(NUMPY, {"numpy": np})  # noqa: S307 - the line that is tested
    assert read.shape == (100, 7)
    assert read[:, 0].tolist() == list(range(100))


def test_the_run_directory_is_as_it_says(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path, steps=300)
    grower.close()
    there = {f"{path.name}/" if path.is_dir() else path.name for path in run.path.iterdir()}
    block = next(block for block in BLOCKS if "run.toml" in block)
    said = {name.partition("/")[0] + "/" * ("/" in name) for name in re.findall(r"^ {6}(\S+)", block, re.MULTILINE)}
    assert there | {"origin.pt"} == said, "all but the origin, which a fork alone has"
    assert {file.name.partition(".")[0] for file in Run(run.path).streams.iterdir()} == set(
        re.findall(r"\w+", re.search(r"NAME is ([\w, ]+) or plan", block)[1])  # type: ignore[index]
    ) | {"plan"}
