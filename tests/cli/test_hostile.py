"""What a run says of itself is data: no command lets it steer the terminal or break a table."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from gradtop.trainer.record import (
    Column,
    Meta,
    RecordedChange,
    Run,
    RunState,
    SegmentWriter,
    append_event,
    new_run,
    write_meta,
    write_status,
)
from gradtop.trainer.record.status import Status
from gradtop.tui.cli import output
from tests.cli.conftest import Gradtop
from tests.cli.fake_worker import FakeWorker
from tests.tui.runs_fixture import living_run

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b5m\r\nnext[bold]line\u202e日本\udcff"
STEERS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\udc80-\udcff]")


def evil_run(folder: Path, state: str) -> Run:
    """A run in whose files every text is hostile."""
    run, grower = living_run(folder, "x", state=state)
    grower.close()
    write_meta(run, Meta(name=EVIL, created=time.time(), parent=EVIL, changes=(RecordedChange(EVIL, EVIL, EVIL),), command=(EVIL,), user=EVIL, host=EVIL))
    if state != "training":
        write_status(run, Status(state=RunState(state), error=EVIL, warning=EVIL, device=EVIL, model=EVIL, val_loss=1.0, epochs=2, steps=9, step=3))
    for kind in ("warning", "command", "resumed", "black_box", EVIL):
        append_event(run, kind, message=EVIL, command=EVIL)
    run.log.write_bytes(EVIL.encode("utf-8", "surrogateescape") * 3000)
    stream = SegmentWriter(run, "steps", [Column("loss", EVIL), Column(EVIL)], first_step=300)
    stream.append(300, 1.0, [1.0, 2.0])
    stream.close()
    (run.streams / "evals.7.json").write_text(json.dumps({"format": EVIL}))
    return run


@pytest.mark.parametrize("command", ["ls", "show ID", "plot ID", "watch ID", "resume ID", "stop ID", "export ID --to csv", "params ID", "show nobody"])
@pytest.mark.parametrize("state", ["failed", "died", "done"])
def test_no_command_prints_what_could_steer_a_terminal(gradtop: Gradtop, tmp_path: Path, command: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradtop.trainer import launch

    monkeypatch.setattr(launch, "start_worker", lambda run, *, resume, server: None)
    run = evil_run(tmp_path / "runs", state)
    said = gradtop(*command.replace("ID", run.id).split())
    assert said.code in {0, 1, 2}
    assert said.out + said.err
    assert not STEERS.search(said.out + said.err)


@pytest.mark.parametrize("command", ["ls", "show"])
def test_the_json_is_ascii_and_gives_the_text_back_unchanged(gradtop: Gradtop, tmp_path: Path, command: str) -> None:
    run = evil_run(tmp_path / "runs", "failed")
    out = gradtop(command, *([run.id] if command == "show" else []), "--json").out
    assert out.isascii()
    assert not STEERS.search(out)
    found = json.loads(out)
    assert (found[0]["error"] if command == "ls" else found["status"]["error"]) == EVIL.replace("\udcff", "?")  # no file takes a lone surrogate


def test_a_line_in_the_name_of_a_directory_is_not_printed_as_one_of_ours(gradtop: Gradtop, tmp_path: Path) -> None:
    for name in ("one", "one\ngradtop: all is well"):
        (tmp_path / "runs" / f"20260101-0000-{name}").mkdir(parents=True)
        (tmp_path / "runs" / f"20260101-0000-{name}" / "status.json").write_text("{}")
    for words in (("show", "20260101"), ("show", "no\ngradtop: all is well"), ("train", "no\ngradtop: all is well.toml")):
        said = gradtop(*words)
        assert said.code == 2
        assert len(said.err.splitlines()) == 1, said.err


def test_an_answer_is_printed_safely(gradtop: Gradtop, tmp_path: Path) -> None:
    run, grower = living_run(tmp_path / "runs", "x")
    with FakeWorker(run, grower, answer=lambda name: (name == "pause", EVIL)):
        for said in (gradtop("pause", run.id), gradtop("continue", run.id)):
            assert "red" in said.out + said.err
            assert not STEERS.search(said.out + said.err)


def test_markup_is_printed_as_it_stands(gradtop: Gradtop, tmp_path: Path) -> None:
    new_run(tmp_path / "runs", "", {"name": "[red]heron[/red]"}, name="x")
    assert "[red]heron[/red]" in gradtop("ls").out
    assert gradtop("show", "last").out.startswith("[red]heron[/red]  ")


def test_a_name_of_wide_characters_keeps_the_columns_aligned(gradtop: Gradtop, tmp_path: Path) -> None:
    new_run(tmp_path / "runs", "", {"name": "日本"}, name="x")
    new_run(tmp_path / "runs", "", {"name": "heron"}, name="y")
    _, *rows = gradtop("ls").out.splitlines()
    assert sorted(output.width(row[: row.index("◌")]) for row in rows) == [7, 7]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("command", ["ls", "show tidy", "plot amber", "watch amber", "params amber", "stop amber", "show nobody"])
def test_where_the_locale_is_not_utf_8_everything_is_ascii(gradtop: Gradtop, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    wide = gradtop(*command.split())
    monkeypatch.setattr("gradtop.tui.terminal.original_environment", lambda: {"TERM": "xterm", "LANG": "C"})
    output.environment.cache_clear()
    narrow = gradtop(*command.split())
    assert (narrow.out + narrow.err).isascii()
    assert [len(line) for line in narrow.out.splitlines()] == [output.width(line) for line in wide.out.splitlines()]
