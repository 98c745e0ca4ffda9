"""What happened: appended whole, read once, in order, whatever a line holds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.record import EventReader, append_event
from gradtop.trainer.record.events import KEPT, parse_event, plain
from tests.record.support import make_run

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())) | st.binary() | st.just(math),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3) | st.tuples(inner),
    max_leaves=6,
)


@given(VALUES)
def test_whatever_a_field_holds_is_one_line_of_plain_json(value: object) -> None:
    line = json.dumps(plain({"value": value}), allow_nan=False)
    assert "\n" not in line
    line.encode()


def test_events_are_read_once_and_in_order(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    reader = EventReader(run)
    assert reader.refresh() == []
    append_event(run, "start", message="a\x1b[31m[b]")
    append_event(run, "epoch", time=5.0, val_loss=math.nan)
    assert [event["kind"] for event in reader.refresh()] == ["start", "epoch"]
    assert reader.refresh() == []
    append_event(run, "end")
    assert [event["kind"] for event in reader.refresh()] == ["end"]
    start, epoch, _ = reader.events
    assert start["message"] == "a\x1b[31m[b]"
    assert (epoch["time"], epoch["val_loss"]) == (5.0, "nan")


def test_lines_that_are_no_events_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    lines = [b"", b"{", b"[]", b"7", b'{"kind": 3}', b"\xff\xff", b'{"kind": "a"}', b'{"kind": "b", "time": "x"}', b"[" * 50_000, b"x" * (1 << 21)]
    lines += [b'{"kind": "c", "time": 1e999}', b'{"kind": "d", "time": ' + b"9" * 400 + b"}", b'{"kind": "e", "time": 2}']
    run.events.write_bytes(b"\n".join(lines) + b"\n")
    assert [(event["kind"], event["time"]) for event in EventReader(run).refresh()] == [("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0), ("e", 2.0)]


def test_of_a_file_that_grew_large_the_end_is_read_and_the_newest_are_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with run.events.open("w") as file:
        for number in range(60_000):
            file.write(json.dumps({"kind": "epoch", "time": 1.0, "epoch": number, "text": "x" * 100}) + "\n")
    reader = EventReader(run)
    new = reader.refresh()
    assert new[-1]["epoch"] == 59_999
    assert len(new) < 40_000
    assert [event["epoch"] for event in reader.events] == list(range(60_000 - KEPT, 60_000))


def test_what_is_no_routine_is_not_pushed_out_by_what_is(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    append_event(run, "command", command="set", step=7)
    with run.events.open("a") as file:
        file.writelines(json.dumps({"kind": kind, "time": 1.0}) + "\n" for _ in range(KEPT) for kind in ("epoch", "checkpoint"))
    reader = EventReader(run)
    reader.refresh()
    append_event(run, "end")
    reader.refresh()
    assert [event["kind"] for event in reader.rare] == ["command", "end"]
    assert "command" not in {event["kind"] for event in reader.events}


def test_a_line_without_an_end_is_passed_over_piece_by_piece(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.events.write_bytes(b"")
    reader = EventReader(run)
    reader.refresh()
    with run.events.open("ab") as file:
        file.write(b"x" * (20 << 20))
    for _ in range(4):
        assert reader.refresh() == []
    append_event(run, "after")
    assert [event["kind"] for event in reader.refresh()] == ["after"]


def test_a_file_that_was_replaced_by_another_is_read_from_its_beginning(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    append_event(run, "old", text="long enough to be longer than the new one")
    reader = EventReader(run)
    reader.refresh()
    run.events.unlink()
    append_event(run, "new")
    assert [event["kind"] for event in reader.refresh()] == ["new"]
    assert [event["kind"] for event in reader.events] == ["new"]


@pytest.mark.parametrize("step", ["{}", "[1]", '"5"', "null"])
def test_a_step_that_is_no_number_is_none(tmp_path: Path, step: str) -> None:
    event = parse_event(f'{{"kind": "epoch", "time": 1.0, "step": {step}}}'.encode(), make_run(tmp_path))
    assert event == {"kind": "epoch", "time": 1.0}
