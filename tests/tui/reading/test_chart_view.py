from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.record import RunReader
from gradtop.tui.reading.chart_view import NO_CLOCK, ChartView, Window, clock_of, rising
from gradtop.tui.reading.metrics import all_metrics, curve_of, matching
from tests.tui.runs_fixture import fake_run

WHOLE = (0.0, 1000.0)


@given(st.lists(st.tuples(st.sampled_from(["in", "out", "left", "right"]), st.floats(0, 1000)), max_size=12))
def test_no_way_of_zooming_and_panning_leaves_what_there_is(moves: list[tuple[str, float]]) -> None:
    window: Window | None = None
    for move, at in moves:
        now = window or Window(*WHOLE)
        if move in {"in", "out"}:
            window = now.zoomed(2.0 if move == "in" else 0.5, WHOLE, at)
        else:
            window = now.panned(0.25 if move == "right" else -0.25, WHOLE)
        if window is not None:
            assert WHOLE[0] <= window.first < window.last <= WHOLE[1] + 1e-6
            assert window.width >= 10 - 1e-6


def test_zooming_keeps_the_step_under_the_cursor_where_it_is_and_goes_out_to_everything() -> None:
    window = Window(*WHOLE).zoomed(2, WHOLE, 250.0)
    assert window == Window(125.0, 625.0)
    assert Window(*WHOLE).zoomed(2, WHOLE) == Window(500.0, 1000.0, follows=True)
    assert window is not None
    assert window.zoomed(0.5, WHOLE) is None


def test_a_window_at_the_newest_end_follows_a_training_in_leaps() -> None:
    window = Window(500.0, 1000.0, follows=True)
    moved = [window.followed(float(step)) for step in range(1000, 1500, 10)]
    assert all(each.last >= step for each, step in zip(moved, range(1000, 1500, 10), strict=True))
    assert len({each.first for each in moved}) == 5
    assert Window(100.0, 200.0).followed(900.0) == Window(100.0, 200.0)


def test_the_clock_is_that_of_the_records_and_goes_on(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path, steps=1000)
    reader = RunReader(run)
    assert clock_of(reader, ChartView()) is NO_CLOCK
    clock = clock_of(reader, ChartView(quantity="time"))
    assert clock.steps[0] == 0
    assert clock.steps[-1] == 999
    assert abs(clock.seconds[-1] - 999 / 40) < 0.1
    assert rising([(1.0, 5.0), (2.0, 5.0), (3.0, 4.0)]) is NO_CLOCK
    assert rising([(1.0, 5.0), (2.0, 7.0), (1.5, 8.0), (3.0, 9.0)]).seconds == (0.0, 2.0, 4.0)


def test_every_column_is_a_metric_and_names_match_by_words_and_by_letters(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path, steps=400)
    there = all_metrics(RunReader(run))
    assert {"loss", "val_loss", "accuracy", "cpu", "memory", "samples_per_s", "grad_norm/head.weight", "weight_norm/head.bias"} <= there.keys()
    assert matching(there, "") == list(there)
    assert matching(there, "loss")[:2] == ["loss", "val_loss"]
    assert matching(there, "head grad") == ["grad_norm/head.weight", "grad_norm/head.bias"]
    assert "samples_per_s" in matching(there, "smps")
    assert not matching(there, "no such metric")
    curve = curve_of(there["loss"], ChartView(Window(100.0, 199.0)), 400.0, 240, {})
    assert (curve.series.x[0], curve.series.x[-1], len(curve.series.x)) == (100.0, 199.0, 100)
    assert curve.last == there["loss"].stream.tail(1)[0]["loss"]
