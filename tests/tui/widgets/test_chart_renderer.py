from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from gradtop.trainer.analysis import formatting
from gradtop.tui.widgets.chart import Chart, Curve, data_range, nearest
from gradtop.tui.widgets.chart_renderer import TONE, ChartRenderer

ANY = st.floats(allow_nan=True, allow_infinity=True)


@dataclass
class Binned:
    x: list[float]
    low: list[float]
    high: list[float]
    mean: list[float]
    nonfinite: list[int]


def curve(values: list[float], *, x: list[float] | None = None, spikes: dict[int, float] | None = None) -> Binned:
    """One bin a value; what is not finite counts as such and is nan, as a reader gives it; `spikes` raise a bin's highest."""
    finite = [v if math.isfinite(v) else math.nan for v in values]
    highs = finite[:]
    for index, value in (spikes or {}).items():
        highs[index] = value
    places = x if x is not None else [float(i) for i in range(len(values))]
    return Binned(places, finite, highs, finite[:], [0 if math.isfinite(v) else 1 for v in values])


def drawn(picture: ChartRenderer) -> str:
    return "\n".join("".join(row.text) for row in picture.rows)


def picture(*lines: Curve, width: int = 60, height: int = 14, cursor: int | None = None, unicode: bool = True, **chart: object) -> ChartRenderer:
    found = ChartRenderer(unicode=unicode)
    found.cursor = cursor
    found.draw(Chart(lines, **chart), width, height)  # type: ignore[arg-type]
    return found


def rows_with(picture: ChartRenderer, tone: str) -> set[int]:
    return {y for y, row in enumerate(picture.rows) if TONE[tone] in row.tones}


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
    assert 0 not in rows_with(picture(Curve("", calm), y_range=(0.0, 50.0)), "range-a")
    found = picture(Curve("", spiky), y_range=(0.0, 50.0))
    assert min(rows_with(found, "range-a")) == 0
    column = found.plot_left + int(6123 / 9999 * found.plot_width)
    assert any(found.rows[0].tones[x] == TONE["range-a"] for x in (column - 1, column, column + 1))


def test_a_spike_survives_where_the_range_is_drawn_thin() -> None:
    for at in range(2000, 2040):
        found = ChartRenderer(thin=True)
        found.draw(Chart((Curve("", curve([1.0] * 10_000, spikes={at: 50.0})),), y_range=(0.0, 50.0)), 60, 14)
        assert min(rows_with(found, "range-a")) == 0


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
    assert data_range(Chart((line,), log=True)) == (0.1, 10.0)
    found = picture(line, log=True)
    assert found.plot_height - 1 in rows_with(found, "a")
    assert "-1" not in drawn(found)
    assert "nothing measured yet" in drawn(picture(Curve("", curve([0.0, -1.0])), log=True))


def test_the_cursor_reads_the_value_of_the_nearest_bin() -> None:
    series = curve([10.0 * i for i in range(101)])
    found = picture(Curve("loss", series), width=120)
    found.cursor = 0
    for column in range(found.plot_width):
        found.cursor = column
        found.draw(Chart((Curve("loss", series),)), 120, 14)
        x = found.cursor_x
        assert x is not None
        assert found.read[0] == f"step {round(x)}"
        assert found.read[1] == f"loss {formatting.significant(10.0 * round(x))}"


def test_the_cursor_says_nan_in_a_gap_and_nothing_beyond_the_end() -> None:
    series = curve([1.0, math.nan, 3.0])
    assert nearest(series, 1.1) != nearest(series, 1.1)
    assert nearest(series, 2.4) == 3.0
    assert nearest(series, 40.0) is None
    assert nearest(curve([]), 0.0) is None


def test_the_newest_value_is_what_the_legend_shows() -> None:
    found = picture(Curve("train", curve([3.0, 2.0, 0.11298])), Curve("val", curve([4.0, 0.131, math.nan]), "b"))
    assert found.read == ("train 0.113", "val 0.131")


def test_lines_are_told_apart_without_colour_and_one_alone_is_whole() -> None:
    flat = curve([1.0] * 200)
    one = picture(Curve("val", flat, "b"))
    two = picture(Curve("train", curve([2.0] * 200)), Curve("val", flat, "b"))
    whole = {text for row in one.rows for text, tone in zip(row.text, row.tones, strict=True) if tone == TONE["b"] and "⠀" < text <= "⣿"}
    broken = {text for row in two.rows for text, tone in zip(row.text, row.tones, strict=True) if tone == TONE["b"] and "⠀" < text <= "⣿"}
    assert len(whole) == 1
    assert len(broken) > 1


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


def test_on_a_logarithmic_bottom_axis_values_lie_by_decades_and_the_cursor_reads_them() -> None:
    """A line that steps up in the middle of the decades is drawn low on the left half and high on the right one."""
    xs = [10.0 ** (power / 4) for power in range(-16, 17)]
    line = Curve("loss", curve([0.0 if x < 1.0 else 1.0 for x in xs], x=xs))
    found = picture(line, width=60, height=12, unicode=False, cursor=2, x_log=True, x_min=1e-4, x_max=1e4, y_range=(0.0, 1.0))
    tops = [x for x in range(found.plot_left, 60) if found.rows[0].text[x] == "*"]
    assert tops
    assert min(tops) == found.plot_left + found.plot_width // 2
    assert found.cursor_x is not None
    assert 1e-4 < found.cursor_x < 1e-3
    assert found.read[0].startswith("step ")
    assert "e-4" in found.read[0]
