from __future__ import annotations

from pathlib import Path

from gradtop.trainer.analysis.event_list import ROUTINE, event_list, time_of
from gradtop.trainer.analysis.findings import Finding, Severity
from gradtop.trainer.record import RunReader, append_event
from gradtop.trainer.record.streams.registry import STEPS
from tests.tui.runs_fixture import NOW, fake_run


def opened(runs: Path) -> RunReader:
    run, _ = fake_run(runs, created=NOW - 30.1)
    reader = RunReader(run)
    reader.refresh()
    reader.stream(STEPS).refresh()
    return reader


def test_what_is_routine_is_folded_and_what_was_asked_for_is_never_left_out(tmp_path: Path) -> None:
    reader = opened(tmp_path)
    append_event(reader.run, "command", command="set", ok=True, step=1300, changes={"optimizer.lr": 3e-4}, old={"optimizer.lr": 1e-3})
    append_event(reader.run, "black_box", step=1301, what="the loss is not finite")
    for step in (1302, 1303, 1304):
        append_event(reader.run, "checkpoint", step=step)
    for epoch in range(8, 8 + 2 * ROUTINE):
        append_event(reader.run, "epoch", epoch=epoch, step=172 * epoch, val_loss=1 / epoch)
        append_event(reader.run, "checkpoint", step=172 * epoch)
    reader.refresh()
    folded, whole = event_list(reader, ())
    last = 7 + 2 * ROUTINE
    assert [line.text.split("  ")[0] for line in folded[:4]] == [f"epoch {last}", f"epoch {last - 1}", f"epoch {last - 2}", f"epochs {last + 1 - ROUTINE // 2}–{last - 3}"]
    assert [line.text for line in folded[4:6]] == ["black box: step 1\u202f301: the loss is not finite", "set: optimizer.lr 1e-3 → 3e-4 from step 1\u202f301 on"]
    assert {line.text for line in folded[4:6]} < {line.text for line in whole}
    assert whole[0].text.startswith("checkpoint step-")
    assert event_list(reader, ())[0] is folded


def test_checkpoints_in_a_row_are_one_line(tmp_path: Path) -> None:
    reader = opened(tmp_path)
    for step in (1302, 1303, 1304):
        append_event(reader.run, "checkpoint", step=step)
    reader.refresh()
    assert event_list(reader, ())[0][0].text == "3 checkpoints, the newest: step-001304"


def test_a_finding_stands_where_it_first_appeared_for_as_long_as_it_is_one(tmp_path: Path) -> None:
    reader = opened(tmp_path)
    spike = Finding(Severity.WARNING, "loss spike at 600", "the loss rose to 7.5 at step 600", since_step=600, passed=True)
    note = Finding(Severity.NOTE, "note", "a note", since_step=600)
    lines = [line.text for line in event_list(reader, (spike, note))[0]]
    place = lines.index("· the loss rose to 7.5 at step 600")
    assert lines[place - 1].startswith("epochs 1–")
    assert not [line for line in lines if "a note" in line]
    assert not [line for line in event_list(reader, ())[0] if "7.5" in line.text]


def test_the_time_of_a_step_is_that_of_the_first_record_from_it_on(tmp_path: Path) -> None:
    steps = opened(tmp_path).stream(STEPS)
    times = [row[1] for row in steps.rows()]
    assert time_of(steps, 0) == times[0]
    assert time_of(steps, 600) == next(row[1] for row in steps.rows() if row[0] >= 600)
    assert time_of(steps, 10**9) is None
