"""README.md and docs/ are true: generated tables, commands, files, JSON keys, streams, the line of NumPy."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from gradtop.trainer.job import job_events
from gradtop.trainer.launch.lr_preview import Planned
from gradtop.trainer.record import Meta, Run, Status
from gradtop.trainer.record.events import FIELDS as EVENT_FIELDS
from gradtop.trainer.record.streams.registry import written_by
from gradtop.tui import keys, pages
from gradtop.tui.cli import main as cli
from gradtop.tui.cli import schedule
from gradtop.tui.cli.checks import CheckResult
from gradtop.tui.cli.output import SCHEMA
from tests.docs import DOCS, FILES, GENERATED, MEASURED, PART, ROOT, regenerated
from tests.tui.runs_fixture import fake_run

TEXTS = {file.name: file.read_text(encoding="utf-8") for file in FILES}
TEXT, DIRECTORY, JSON = (TEXTS[name] for name in ("README.md", "run-directory.md", "json.md"))


def blocks(text: str) -> list[str]:
    return re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)


def lines(text: str) -> list[str]:
    return [line.strip() for block in blocks(text) for line in block.splitlines()]


def typed(text: str) -> Iterator[str]:
    """The commands of gradtop that a page has the reader type."""
    yield from (line for line in lines(text) if line.startswith("gradtop "))
    yield from re.findall(r"`(gradtop [^`]+)`", text)


TYPED = sorted({line for name, text in TEXTS.items() if name != "commands.md" for line in typed(text)})


def test_the_generated_parts_are_up_to_date() -> None:
    for name, text in TEXTS.items():
        assert regenerated(text) == text, f"{name}: python -m tests.docs regenerates it"
    assert {part[2] for text in TEXTS.values() for part in PART.finditer(text)} == set(GENERATED) | MEASURED


def test_a_stale_part_is_regenerated() -> None:
    text = TEXTS["keys.md"]
    stale = text.replace("| Leave; the run continues. |", "| Stop. |")
    assert stale != text
    assert regenerated(stale) == text


def test_the_readme_opens_with_one_sentence_a_picture_and_two_commands() -> None:
    first, sentence, picture = (part.strip() for part in TEXT.split("\n\n")[:3])
    assert first == "# gradtop"
    assert sentence.count(".") == 1
    assert picture.startswith("![")
    install = "python3 -m venv .venv && .venv/bin/pip install -e"
    assert lines(TEXT)[:2] == [
        f"{install} . && .venv/bin/gradtop train configs/digits.toml --watch",
        f"{install} '.[test]' && .venv/bin/pytest",
    ]
    assert len(TEXT.splitlines()) <= 200


@pytest.mark.parametrize("line", [line for line in TYPED if line.split()[1] in cli.commands()])
def test_its_commands_can_be_typed(line: str) -> None:
    words = shlex.split(line.partition(" | ")[0], comments=True)[1:]
    said, code = io.StringIO(), cli.DONE
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            cli.parse(words)
        except SystemExit as ending:
            code = int(ending.code or 0)
    # A command that is mentioned without its argument: `gradtop ls --json`, `gradtop export`.
    incomplete = re.search("arguments are required|one of the arguments .* is required", said.getvalue()) and all(word.startswith("-") for word in words[1:])
    assert code == cli.DONE or incomplete, said.getvalue()


def test_it_names_no_command_that_does_not_exist() -> None:
    named = {line.split()[1] for line in TYPED}
    assert {name for name in named if not name.startswith("-")} - {"help", "COMMAND"} <= set(cli.commands())


def test_the_keys_it_names_exist() -> None:
    there = {name for key in keys.KEYS for name in (*key.name.split(), *key.key.split(","))}
    for file, text in TEXTS.items():
        named = set(re.findall(r"`([^`\s]|(?:ctrl|shift|alt)\+\w)`", PART.sub("", text)))
        assert named - there <= {"◆", "N"}, file  # a mark in charts, the number of a segment


def test_the_files_it_names_exist() -> None:
    for file, text in zip(FILES, TEXTS.values(), strict=True):
        links = [file.parent / link for link in re.findall(r"\]\(([^)#]+)\)", text)]
        named = [ROOT / name for name in re.findall(r"\b(?:configs|tests|tui|trainer)/[\w/.-]+\.\w+", text)]
        assert not [path for path in (*links, *named) if not path.is_file()], file
    assert "configs/digits.toml" in TEXT


def test_the_picture_was_made_by_the_app() -> None:
    picture = (ROOT / "tests" / "screenshot.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "gradient" in picture


def test_every_page_is_listed_and_none_has_the_name_of_a_command() -> None:
    assert {file.stem for file in DOCS.glob("*.md")} == set(pages.PAGES)
    assert not set(pages.PAGES) & set(cli.commands())


@pytest.mark.parametrize("name", pages.PAGES)
def test_help_prints_a_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        cli.main(["help", name])
    assert ending.value.code == cli.DONE
    printed = capsys.readouterr().out
    assert printed.startswith("# ")
    assert "<!--" not in printed


def test_the_help_names_every_page_and_help_on_something_else_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert all(f"  {name}" in printed for name in pages.PAGES)
    with pytest.raises(SystemExit) as ending:
        cli.main(["help", "kyes"])
    assert ending.value.code == cli.USAGE_ERROR
    assert "'keys'" in capsys.readouterr().err


def test_the_line_of_numpy_reads_a_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    run, grower = fake_run(tmp_path, steps=100)
    grower.close()
    monkeypatch.chdir(run.path)
    line = next(line for line in lines(DIRECTORY) if line.startswith("numpy."))
    read = eval(line, {"numpy": np})  # noqa: S307 - the line that is tested
    assert read.shape == (100, 9)
    assert read[:, 0].tolist() == list(range(100))


def test_the_run_directory_is_as_described(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path, steps=300)
    grower.close()
    there = {f"{path.name}/" if path.is_dir() else path.name for path in run.path.iterdir()}
    block = next(block for block in blocks(DIRECTORY) if "run.toml" in block)
    described = {name.partition("/")[0] + "/" * ("/" in name) for name in re.findall(r"^ {6}(\S+)", block, re.MULTILINE)}
    # Only a fork has an origin, only a language model samples, and what surrounded a run is written by who starts a real one.
    assert there | {"origin.pt", "code.diff", "packages.txt", "data.json", "classes.json", "best-classes.json", "profiles/", ".reserve", "death.json", "samples.jsonl", "tokenizer.json", "trials.jsonl"} == described
    streams = set(re.findall(r"\w+", re.search(r"NAME is ([\w, ]+) or plan", block)[1]))  # type: ignore[index]
    assert {file.name.partition(".")[0] for file in Run(run.path).streams.iterdir()} == streams | {"plan"}
    assert "pictures" in block
    assert streams | {"plan", "pictures"} == set(written_by("train"))  # pictures are written where somebody looks at them


def test_every_kind_of_event_is_described_with_its_fields() -> None:
    table = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", DIRECTORY, re.MULTILINE)
    described = {kind: tuple(re.findall(r"`(\w+)`", cells)) for kind, cells in table}
    declared = {str(kind): names for kind, names in EVENT_FIELDS.items()} | {kind: event.fields for kind, event in job_events().items()}
    assert {kind: described.get(kind) for kind in first_column(DIRECTORY, "Events")} == declared


def first_column(text: str, section: str) -> list[str]:
    """The names in backticks in the first column of a section's table."""
    part = re.search(rf"^##+ {re.escape(section)}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert part, section
    return [name for row in re.findall(r"^\|([^|]*`[^|]*)\|", part[1], re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)]


@pytest.fixture
def printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """What the commands print as JSON, by command."""
    run, grower = fake_run(tmp_path / "runs", "amber-finch", state="done", steps=300)
    grower.close()
    other, grower = fake_run(tmp_path / "runs", "tidy-wren", state="done", steps=300, parent=run)
    grower.close()
    words = {
        "ls": ["ls"],
        "show": ["show", run.id],
        "diff": ["diff", run.id, other.id],
        "plot": ["plot", run.id, other.id],
        "lineage": ["lineage", run.id],
        "params": ["params", run.id],
        "wait": ["wait", run.id],
        "rename": ["rename", other.id, "new"],
        "clean": ["clean", "--failed", "--dry-run"],
        "rm": ["rm", other.id, "--yes"],
    }
    found = {}
    for name, command in words.items():
        assert cli.main([*command, "--json", "--runs", str(tmp_path / "runs")]) == cli.DONE
        found[name] = json.loads(capsys.readouterr().out)
    asked = schedule.PlanRequest("x", {})
    found["schedule"] = {**schedule.record(asked, Planned(((1, 0.1),), (), 45, 45)), "against": {}}
    found["doctor"] = [{field.name: "" for field in fields(CheckResult)}]
    return found


def test_the_json_keys_are_those_that_are_printed(printed: dict[str, object]) -> None:
    described = {name for names in re.findall(r"^## gradtop ([\w, -]+) --json$", JSON, re.MULTILINE) for name in names.split(", ")}
    assert described == {name for name in cli.commands() if "--json" in cli.parser_for(name)._option_string_actions}
    for name, value in printed.items():
        value = value[0] if isinstance(value, list) else value  # noqa: PLW2901 - of a list, its first object
        assert isinstance(value, dict)
        assert value.pop("schema", SCHEMA) == SCHEMA  # two are not printed here
        assert set(first_column(JSON, f"gradtop {name} --json")) == set(value), name
    assert set(first_column(JSON, "status")) == set(Status._fields)
    assert set(first_column(JSON, "meta")) == set(Meta._fields)


def test_each_picture_of_a_page_is_there_and_each_that_is_there_is_shown() -> None:
    shown = {(page.parent / path).resolve() for page in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"] for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))}
    assert shown == {path.resolve() for path in (ROOT / "tests").glob("*.svg")}
