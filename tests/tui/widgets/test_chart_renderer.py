from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from gradtop.trainer.analysis import formatting
from gradtop.tui.widgets.chart import Chart, Curve, data_range, smoothed
from gradtop.tui.widgets.chart_reading import point_at
from gradtop.tui.widgets.chart_renderer import ChartRenderer
from gradtop.tui.widgets.chart_styles import TONE
from gradtop.tui.widgets.ruler import Ruler
from tests.tui.widgets.charting import curve, dots_of, drawn, picture, rows_with

ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(ANY, max_size=40), st.integers(0, 70), st.integers(0, 20), st.booleans(), st.booleans())
@example([0.0] * 25 + [2e-313, -1.0], 2, 2, True, False)  # a column's highest value lies below the axis, its lowest is not positive
@example([1e308] * 4, 2, 2, False, True)  # the sum of a column is infinite
@example([1e308] * 4, 2, 2, True, True)
def test_any_values_are_drawn_in_any_size(values: list[float], width: int, height: int, log: bool, unicode: bool) -> None:
    found = picture(Curve("loss", curve(values)), width=width, height=height, log=log, unicode=unicode, band=(1.0, 100.0), cursor=3, x_max=50.0)
    assert len(found.rows) == (height if width else 0)
    assert all(len(row.text) == width for row in found.rows)
    assert unicode or max(drawn(found), default="") < "\u2190"


def test_a_spike_of_one_record_survives_ten_thousand_bins_in_sixty_columns() -> None:
    calm = curve([1.0] * 10_000)
    spiky = curve([1.0] * 10_000, spikes={6123: 50.0})
    assert min(rows_with(picture(Curve("", calm), y_range=(0.0, 50.0)), "a")) > 9
    found = picture(Curve("", spiky), y_range=(0.0, 50.0))
    top = min(rows_with(found, "range-a"))
    assert top < 3
    column = found.plot_left + int(6123 / 9999 * found.plot_width)
    assert any(found.rows[top].tones[x] == TONE["range-a"] for x in (column - 1, column, column + 1))


def test_a_spike_survives_where_the_range_is_drawn_thin() -> None:
    for at in range(2000, 2040):
        found = ChartRenderer(thin=True)
        found.draw(Chart((Curve("", curve([1.0] * 10_000, spikes={at: 50.0})),), y_range=(0.0, 50.0)), 60, 14)
        assert min(rows_with(found, "range-a")) < 3


def test_what_is_not_finite_is_a_gap_with_a_cross() -> None:
    found = picture(Curve("", curve([1.0] * 20 + [math.nan] * 5 + [1.0] * 20)), width=60)
    line = next(row for row in found.rows if row.tones.count(TONE["a"]) > 10)
    left, wide = found.plot_left, found.plot_width
    gap = [left + int((i + 0.5) / 44 * wide) for i in range(20, 24)]
    assert all(line.tones[x] != TONE["a"] for x in gap)
    bottom = found.rows[found.plot_height - 1]
    crosses = [x for x, text in enumerate(bottom.text) if text == "✕"]
    assert crosses
    assert all(gap[0] - 2 <= x <= gap[-1] + 2 for x in crosses)
    assert all(bottom.tones[x] == TONE["bad"] for x in crosses)


def test_where_nothing_is_finite_it_says_so_and_draws_no_zero() -> None:
    found = picture(Curve("", curve([math.nan, math.inf, -math.inf])))
    assert "not one finite value in 3" in drawn(found)
    assert not rows_with(found, "a")
    assert "nothing measured yet" in drawn(picture())


def test_zeros_and_negatives_lie_at_the_bottom_of_a_logarithmic_axis() -> None:
    line = Curve("", curve([0.0, -1.0, 0.1, 1.0, 10.0]))
    assert data_range(Chart((line,)), log=True) == (0.1, 10.0)
    found = picture(line, log=True)
    assert found.plot_height - 1 in rows_with(found, "a")
    assert "-1" not in drawn(found)
    assert "nothing measured yet" in drawn(picture(Curve("", curve([0.0, -1.0])), log=True))


def test_the_cursor_stands_on_real_points_and_says_which() -> None:
    series = curve([10.0 * i for i in range(101)])
    chart = Chart((Curve("loss", series),))
    found = picture(*chart.lines, width=50)
    found.cursor = found.moved(chart, -1)
    assert found.cursor == 100.0
    seen = []
    while found.cursor not in seen:
        assert found.cursor is not None
        seen.append(found.cursor)
        found.draw(chart, 50, 14)
        assert found.read == (f"step {found.cursor:.0f}", f"loss {formatting.significant(10.0 * found.cursor)}")
        found.cursor = found.moved(chart, -1)
    assert seen == sorted(seen, reverse=True)
    assert set(seen) <= set(series.x)
    assert seen[-1] == 0.0
    assert len(seen) > 30
    found.cursor = 50.0
    assert found.moved(chart, 100_000) == 100.0
    assert found.moved(chart, 10) == 50 + round(10 * 100 / found.plot_width)


def test_the_cursor_names_the_mean_of_several_steps_and_the_step_of_a_point_elsewhere() -> None:
    train = curve([1.0, 2.0], x=[0.0, 100.0])
    train.x_last, train.finite = [99.0, 199.0], [50, 100]
    val = curve([3.0], x=[10.0])
    found = picture(Curve("train", train), Curve("val", val, "b"), cursor=149.5, x_max=199.0)
    assert found.read == ("steps 100–199, mean of 100", "train 2", "val at 10 3")
    assert " steps 100–199, mean of 100 " in drawn(found)


def test_the_cursor_says_nan_in_a_gap_and_nothing_beyond_the_end() -> None:
    series = curve([1.0, math.nan, 3.0])
    gap = point_at(series, 1.1)
    assert gap is not None
    assert math.isnan(gap.value)
    assert getattr(point_at(series, 2.4), "value", None) == 3.0
    assert point_at(series, 40.0) is None
    assert point_at(curve([]), 0.0) is None


def test_lines_are_told_apart_without_colour_and_one_alone_is_whole() -> None:
    flat = curve([1.0] * 200)
    one = picture(Curve("val", flat, "b"))
    two = picture(Curve("train", curve([2.0] * 200)), Curve("val", flat, "b"))
    (whole,) = ("".join(row.text[one.plot_left :]) for row in one.rows if row.tones.count(TONE["b"]) > 9)
    (broken,) = ("".join(row.text[two.plot_left :]) for row in two.rows if row.tones.count(TONE["b"]) > 9)
    assert len(set(whole)) == 1
    assert len(set(broken)) > 1


def test_a_band_is_drawn_where_it_is_seen_and_pointed_at_where_not() -> None:
    assert "healthy 1–100" in drawn(picture(Curve("", curve([0.5, 5.0, 50.0])), log=True, band=(1.0, 100.0)))
    below = drawn(picture(Curve("", curve([1e-6, 2e-6])), log=True, band=(1.0, 100.0)))
    assert "healthy 1–100 ↑" in below


def test_the_range_stays_while_the_curve_grows_in_it() -> None:
    found = ChartRenderer()
    values = [2.3, 1.1, 0.7]
    found.draw(Chart((Curve("", curve(values)),), x_max=100.0), 60, 14)
    labels = [row.text[: found.plot_left] for row in found.rows]
    for value in (0.9, 0.5, 2.0, 0.1):
        values.append(value)
        found.draw(Chart((Curve("", curve(values)),), x_max=100.0), 60, 14)
        assert [row.text[: found.plot_left] for row in found.rows] == labels


def test_the_words_of_a_mark_are_whole_where_there_is_room_and_never_over_those_of_the_band() -> None:
    marks = ((20.0, "weight_decay 0.01→0.05 +1"), (22.0, "frozen +1"), (24.0, "clip 5→1"))
    found = drawn(picture(Curve("", curve([0.0] * 40)), band=(0.5, 0.9), y_range=(-0.1, 1.0), marks=marks, width=90, height=20))
    assert "weight_decay 0.01→0.05 +1" in found
    assert " healthy 0.5–0.9 " in found
    under = drawn(picture(Curve("train", curve([0.0] * 40)), y_range=(-1.0, 1.0), marks=((28.0, "lr 1e-3→3e-4"),), notes=(("clipped", "3 %"),)))
    assert "lr 1e-3→3e-4" in under
    assert "train " in under
    assert "clipped  3 %" in under
    beside = drawn(picture(Curve("", curve([0.0] * 40)), band=(-0.9, 0.95), y_range=(-1.0, 1.0), notes=(("clipped by norm, at most", "3 %"),), width=60))
    assert " healthy -0.9–0.95 " in beside
    assert "clipped by norm, at most  3 %" in beside
    assert "weight_decay 0.01→…" in drawn(picture(Curve("", curve([0.0] * 40)), marks=marks, width=44, height=20))


def test_a_mark_is_named_beside_its_line() -> None:
    found = picture(Curve("lr", curve([0.0, 1.0] * 20)), marks=((20.0, "warm-up ends"),), height=20)
    assert "┊" in drawn(found)


def test_a_loss_that_spans_decades_is_drawn_over_decades_by_itself_and_stays_so() -> None:
    found = ChartRenderer()
    values = [2.0 * 0.9**i for i in range(40)]
    for count, log in ((5, False), (40, True)):
        found.draw(Chart((Curve("", curve(values[:count])),), log=None), 60, 14)
        assert found.is_log is log
    found.draw(Chart((Curve("", curve(values[10:36])),), log=None), 60, 14)
    assert found.is_log
    found.draw(Chart((Curve("", curve([*values, 0.0])),), log=None), 60, 14)
    assert not found.is_log


def test_a_deviation_that_reaches_below_zero_keeps_no_mean_from_its_decades() -> None:
    """Of seeds whose losses differ, mean less deviation is often negative, and no loss ever is."""
    means = [2.0 * 0.9**i for i in range(40)]
    series = curve(means)
    series.low, series.high = [value - 1.5 for value in means], [value + 1.5 for value in means]
    for spread in (False, True):
        found = ChartRenderer()
        found.draw(Chart((Curve("", series, spread=spread),), log=None), 60, 14)
        assert found.is_log is spread
    labels = "".join("".join(row.text[: found.plot_left]) for row in found.rows)
    assert "0.1" in labels
    assert "e-" not in labels  # the axis ends where the means do


def test_ticks_are_evenly_spaced_and_stand_where_their_values_are() -> None:
    for values, log in (([0.05, 3.2], False), ([0.06, 3.2], True), ([0.75, 0.98], False), ([-3.0, 5.0], False), ([1e-7, 3.0], True)):
        for height in range(4, 40):
            found = picture(Curve("", curve(values)), height=height, log=log)
            rows = [y for y, row in enumerate(found.rows) if "┤" in row.text]
            gaps = [b - a for a, b in pairwise(rows)]
            assert max(gaps, default=0) - min(gaps, default=0) <= log, (values, height)
            for y in rows:
                value = float("".join(found.rows[y].text[: found.plot_left - 1]).replace(formatting.THIN, ""))
                marked = picture(Curve("", curve([*values, value], x=[0.0, 1.0, 9.0])), height=height, log=log, x_max=10.0)
                at = {row for row in rows_with(marked, "a") if "•" in "".join(marked.rows[row].text[-12:])}
                assert y in at, (values, height, value)


def test_without_colour_the_line_is_bold_and_of_the_range_only_the_ends_are_drawn() -> None:
    wide = curve([1.0] * 200)
    wide.low, wide.high = [0.0] * 200, [2.0] * 200
    bright, thin = ChartRenderer(), ChartRenderer(thin=True)
    for found in (bright, thin):
        found.draw(Chart((Curve("", wide),)), 60, 14)
    dots = [{tone: dots_of(found, tone) for tone in ("a", "range-a")} for found in (bright, thin)]
    assert dots[1]["a"] == 2 * dots[0]["a"]
    assert dots[1]["range-a"] < dots[0]["range-a"] / 4


def test_validation_lies_on_top_as_points_and_its_best_is_marked() -> None:
    train = curve([1.0] * 200)
    val = curve([1.0] * 5, x=[0.0, 50.0, 100.0, 150.0, 199.0])
    found = picture(Curve("train", train), Curve("val", val, "b", best=(100.0, 1.0)), width=80)
    (row,) = [row for row in found.rows if "•" in row.text]
    assert row.text.count("•") == 4
    assert row.text.count("◆") == 1
    assert all(tone == TONE["b"] for text, tone in zip(row.text, row.tones, strict=True) if text in "•◆")
    assert row.tones.count(TONE["b"]) > 30
    assert "◆ best" in drawn(found)


def test_a_moving_average_is_bright_and_what_was_recorded_stays_dim() -> None:
    noisy = curve([1.0, 3.0] * 100)
    assert smoothed(noisy, 0.9).mean[0] == 1.0
    assert all(abs(value - 2.0) < 0.3 for value in smoothed(noisy, 0.9).mean[50:])
    assert smoothed(curve([1.0, math.nan, 5.0]), 0.9).mean[2] == 5.0
    found = picture(Curve("", noisy), smooth=0.97)
    assert max(rows_with(found, "range-a")) - min(rows_with(found, "range-a")) > 6
    assert found.read == ("3",)


def test_over_epochs_and_time_the_axis_is_theirs_and_the_cursor_stays_on_its_step() -> None:
    line = Curve("loss", curve([1.0] * 101))
    epochs = picture(line, ruler=Ruler("epoch", (0.0, 50.0), (0.0, 1.0)), cursor=75.0, x_max=100.0)
    assert epochs.read[0] == "epoch 1.50 · step 75"
    paused = Ruler("time", (0.0, 50.0, 51.0, 100.0), (0.0, 50.0, 250.0, 300.0))
    assert paused.step(paused.value(75.0)) == 75.0
    times = picture(line, ruler=paused, x_max=100.0, width=80)
    assert "time 5:00" in drawn(times)
    (row,) = [row for row in times.rows if row.tones.count(TONE["a"]) > 9]
    assert row.tones[times.plot_left : times.plot_left + 10].count(TONE["a"]) == 10


def test_the_cursor_names_the_events_where_it_stands() -> None:
    found = picture(Curve("", curve([1.0] * 100)), cursor=50.0, marks=((50.0, "lr 1e-3→3e-4"),), notches=((50.0, "checkpoint step-000050"),), width=100)
    assert "step 50 · lr 1e-3→3e-4 · checkpoint step-000050" in drawn(found)


def test_on_a_logarithmic_bottom_axis_values_lie_by_decades_and_the_cursor_reads_them() -> None:
    """A line that steps up in the middle of the decades is drawn low on the left half and high on the right one."""
    xs = [10.0 ** (power / 4) for power in range(-16, 17)]
    line = Curve("loss", curve([0.0 if x < 1.0 else 1.0 for x in xs], x=xs))
    found = picture(line, width=60, height=12, unicode=False, cursor=xs[2], ruler=Ruler("lr", log=True), x_min=1e-4, x_max=1e4, y_range=(0.0, 1.0))
    top = min(y for y, row in enumerate(found.rows) if "*" in row.text)
    tops = [x for x in range(found.plot_left, 60) if found.rows[top].text[x] == "*"]
    assert min(tops) == found.plot_left + found.plot_width // 2
    assert found.read == ("lr 3.2e-4", "loss 0")
