from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.analysis.lr_turns import lr_turns
from gradtop.trainer.record import RunReader
from gradtop.tui.reading.chart_view import WHOLE_RUN
from gradtop.tui.reading.poll import ReadContext
from gradtop.tui.screens.overview.data import OverviewPart, axis_end, read_overview, share_clipped
from gradtop.tui.screens.schedule.data import read_schedule, turn_marks
from tests.tui.runs_fixture import NOW, fake_run


def source(runs: Path, reader: RunReader | None) -> ReadContext:
    found = ReadContext(runs, lambda: NOW)
    found.run = reader
    if reader is not None:
        reader.refresh()
        for name in ("steps", "evals", "plan"):
            reader.stream(name).refresh()
    return found


@given(st.floats(0, 1e12), st.integers(0, 10**12))
def test_the_axis_ends_behind_the_last_step_and_not_behind_the_plan(step: float, steps: int) -> None:
    end = axis_end(step, steps)
    assert end >= min(step, 1e12) or math.isclose(end, step)
    assert not steps or end <= max(steps, step)


def test_the_axis_moves_in_leaps() -> None:
    ends = {axis_end(step, 100_000) for step in range(0, 100_000, 50)}
    assert len(ends) < 40
    assert max(ends) == 100_000
    assert [axis_end(step, 0) for step in (0, 18, 30, 60, 99, 120)] == [20, 20, 50, 100, 150, 150]
    assert axis_end(81_000, 100_000) == 100_000


def test_the_overview_reads_the_curves_the_plan_and_what_to_say(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path, created=NOW - 30.1)
    part = read_overview(source(tmp_path, RunReader(run)), WHOLE_RUN)
    assert len(part.loss.x) > 100
    assert len(part.val_loss.x) == len(part.val_score.x) == 7
    assert part.end == axis_end(1204, 5160)
    assert part.planned.last > part.lr.last
    assert part.healthy == (1.0, 100.0)
    assert part.clipped is not None
    assert part.all_events[0].text.startswith("checkpoint")
    assert [event.text[:9] for event in part.events[:4]] == ["epoch 7  ", "epoch 6  ", "epoch 5  ", "epochs 1–"]


def test_a_band_that_is_no_pair_of_numbers_is_the_rule_of_thumb(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path, steps=5)
    run.config.write_text("[monitor]\nhealthy_low = true\nhealthy_high = 'x'\n")
    assert read_overview(source(tmp_path, RunReader(run)), WHOLE_RUN).healthy == (1.0, 100.0)
    assert share_clipped(RunReader(run)) is None


def test_without_a_run_the_parts_are_empty(tmp_path: Path) -> None:
    assert read_overview(source(tmp_path, None), WHOLE_RUN) == OverviewPart()
    assert read_schedule(source(tmp_path, None), WHOLE_RUN).steps == 0


def test_the_schedule_names_where_the_plan_turns(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path, created=NOW - 30.1)
    part = read_schedule(source(tmp_path, RunReader(run)), WHOLE_RUN)
    assert (part.steps, part.per_epoch, part.kind, part.warmup) == (5160, 172, "cosine", 200)
    assert part.marks == ((200.0, "warm-up ends"),)
    assert part.highest == pytest.approx(1e-3, rel=0.01)
    assert part.last is not None
    assert part.last < 1e-5


def test_steps_of_a_step_schedule_are_marked_and_thinned() -> None:
    assert turn_marks(lr_turns({"kind": "step", "step_size": 10, "gamma": 0.1}, 3000, 100)) == [(1000.0, "× 0.1"), (2000.0, "× 0.1")]
    assert len(turn_marks(lr_turns({"kind": "step", "step_size": 1, "gamma": 0.9}, 100_000, 10))) <= 12
    assert lr_turns({"kind": "step", "step_size": True, "warmup_steps": "x"}, 100, 10) == []
    assert lr_turns({"warmup_steps": 200}, 100, 10) == []
