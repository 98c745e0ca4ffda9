"""Files that are whole and that nobody can read, or may: what they are is said, and the rest is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.record import (
    RunReader,
    append_event,
    read_meta,
)
from tests.record.support import forbid, make_run, read, write_segment

SCHEMA: dict[str, object] = {"format": 1, "columns": [{"name": "step"}, {"name": "time"}, {"name": "v0"}], "record_size": 24}


@pytest.mark.parametrize(
    "schema",
    [
        {**SCHEMA, "format": 2},
        {**SCHEMA, "format": None},
        {**SCHEMA, "record_size": 0},
        {**SCHEMA, "record_size": "many"},
        {**SCHEMA, "columns": 5},
        {**SCHEMA, "columns": ["step", "time", "v0"]},
        {**SCHEMA, "columns": [{"name": "time"}, {"name": "step"}, {"name": "v0"}]},
        {**SCHEMA, "first_step": "nan"},
        {**SCHEMA, "first_step": []},
        [],
        7,
        None,
    ],
)
def test_a_schema_that_is_not_known_is_said_and_the_rest_is_read(tmp_path: Path, schema: object) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(10)])
    (run.streams / "steps.1.json").write_text(json.dumps(schema))
    (run.streams / "steps.1.bin").write_bytes(bytes(240))
    reader = read(run)
    assert "steps.1" in reader.unreadable
    assert reader.count == 10
    assert len(reader.series("v0").x) == 10


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param({"more": dict.fromkeys(map(str, range(800_000)))}, "steps.1.json cannot be read: it has more than 750,000 values", id="keys"),
        pytest.param({"extra": [[[]] * 3] * 200_000}, "steps.1.json cannot be read: it has more than 750,000 values", id="lists"),
        pytest.param({"more": "x" * (17 << 20)}, "steps.1.json cannot be read: it is larger than 16384 KiB", id="a text"),
    ],
)
def test_a_schema_that_takes_long_is_not_parsed_and_said(tmp_path: Path, content: dict[str, object], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(10)])
    path = run.streams / "steps.1.json"
    path.write_text(json.dumps({**SCHEMA, **content}))
    parsed: list[int] = []
    real = json.loads

    def loads(text: str) -> object:
        parsed.append(len(text))
        return real(text)

    monkeypatch.setattr(json, "loads", loads)
    reader = read(run)
    assert (reader.unreadable, reader.count) == (why, 10)
    assert max(parsed) < 1000


def test_a_schema_of_more_columns_than_are_read_says_how_many(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    columns = [{"name": name} for name in ("step", "time", *map(str, range(150_000)))]
    (run.streams / "steps.0.json").write_text(json.dumps({**SCHEMA, "columns": columns, "record_size": 8 * len(columns)}))
    assert read(run).unreadable == "steps.0.json has 150,002 columns; at most 150,000 are read"


@pytest.mark.parametrize("name", ["streams/steps.0.json", "streams/steps.0.bin", "streams"])
def test_a_stream_that_may_not_be_read_is_said_until_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(10)])
    reader = RunReader(run).stream("steps")
    with monkeypatch.context() as patch:
        forbid(patch, run.path / name)
        assert reader.refresh()
        assert (reader.count, reader.unreadable) == (0, f"{Path(name).name} cannot be read: Permission denied")
        assert not reader.refresh()  # it is said once
    assert reader.refresh()
    assert (reader.count, reader.unreadable) == (10, "")


@pytest.mark.parametrize("name", ["events.jsonl", "checkpoints"])
def test_so_are_events_and_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    run = make_run(tmp_path)
    append_event(run, "warning", message="x")
    reader = RunReader(run)
    with monkeypatch.context() as patch:
        forbid(patch, run.path / name)
        reader.refresh()
        reader.checkpoints()
        assert reader.problems == {name: f"{name} cannot be read: Permission denied"}
    reader.refresh()
    reader.checkpoints()
    assert reader.problems == {}
    assert [event["message"] for event in reader.events] == ["x"]


def test_a_schema_nested_too_deeply_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run.streams / "steps.0.json").write_text("[" * 100_000)
    assert "steps.0.json" in read(run).unreadable


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b'{"created": 1e999, "changes": 3}', b'{"name": 4}', b"[" * 100_000])
def test_meta_and_config_that_are_broken_give_defaults(tmp_path: Path, content: bytes) -> None:
    run = make_run(tmp_path)
    run.meta.write_bytes(content)
    run.config.write_bytes(content)
    meta = read_meta(run)
    assert (meta.name, meta.created, meta.changes) == ("quiet-heron", 0.0, ())
    reader = RunReader(run)
    reader.refresh()
    assert reader.config == {}
