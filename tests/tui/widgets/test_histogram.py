from __future__ import annotations

import asyncio
import math
import random

import pytest
from textual.app import App, ComposeResult

from gradtop.tui.theme import DARK
from gradtop.tui.widgets.axis import linear
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.histogram import HistogramPlot, HistogramShape, draw_bars, heights_of, merged, widened

BELL = tuple(100 * math.exp(-0.5 * ((number - 31.5) / 10) ** 2) for number in range(64))


class Plot(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DARK.variables

    def __init__(self, *, unicode: bool = True) -> None:
        super().__init__()
        self.unicode = unicode

    def compose(self) -> ComposeResult:
        yield HistogramPlot()

    def shown(self) -> list[str]:
        return ["".join(segment.text for segment in strip) for strip in self.screen._compositor.render_strips()]


def bars_of(shares: list[float], tall: int, *, unicode: bool = True) -> list[str]:
    rows = [Cells(len(shares)) for _ in range(tall)]
    draw_bars(rows, 0, shares, unicode=unicode)
    return ["".join(row.text) for row in rows]


def test_bars_end_at_eighths_of_a_cell() -> None:
    assert bars_of([0.0, 1 / 16, 0.5, 9 / 16, 1.0], 2) == ["   ▁█", " ▁███"]
    assert bars_of([0.0, 0.4, 1.0], 2, unicode=False) == ["  #", " ##"]


def test_a_bar_of_nothing_has_no_ink_and_the_smallest_has_some() -> None:
    assert bars_of([0.0, 1e-12, 1.0], 3)[-1] == " ▁█"
    assert bars_of([0.0, 1e-12, 1.0], 3, unicode=False)[-1] == " ##"


@pytest.mark.parametrize("columns", [7, 40, 64, 200])
def test_no_bin_is_lost_and_none_is_drawn_higher_than_it_is(columns: int) -> None:
    bins = [float(number % 7) for number in range(64)]
    bins[23] = 50.0
    axis = linear(-1.1, 1.0, 4)
    heights = heights_of(bins, -1.1, 1.0, axis, columns)
    assert max(heights) == 50.0
    assert set(heights) <= set(bins)


def test_a_bin_stands_over_its_values() -> None:
    axis = linear(0.0, 10.0, 5)
    assert heights_of([3.0, 0.0, 5.0, 0.0, 1.0], 0.0, 10.0, axis, 10) == [3, 3, 0, 0, 5, 5, 0, 0, 1, 1]


def test_a_histogram_that_moves_less_than_a_column_changes_nothing() -> None:
    axis = linear(-1.0, 1.0, 4)
    assert heights_of(BELL, -1.0, 1.0, axis, 60)[5:55] == heights_of(BELL, -1.0, 1.001, axis, 60)[5:55]


def test_a_range_of_no_width_is_one_bar_with_room_on_both_sides() -> None:
    low, high, bins = widened(HistogramShape(0.5, 0.5, (0.0, 7.0)))
    assert low < 0.5 < high
    assert [value for value in bins if value] == [7.0]
    assert widened(HistogramShape(0.0, 0.0, (3.0,)))[0] < 0
    assert widened(HistogramShape(0.0, 1.0, (3.0, 4.0))) == (0.0, 1.0, (3.0, 4.0))


def test_more_bins_than_dots_are_added_up() -> None:
    high, bins = merged(0.0, 1.0, [1.0] * 10, 4)
    assert bins == [3.0, 3.0, 3.0, 1.0]
    assert high == pytest.approx(1.2)
    assert merged(0.0, 1.0, [1.0] * 4, 4) == (1.0, [1.0] * 4)


async def test_the_picture_changes_only_where_it_is_another() -> None:
    app = Plot()
    async with app.run_test(size=(60, 14)) as pilot:
        plot = app.query_one(HistogramPlot)
        plot.show(HistogramShape(-1.0, 1.0, BELL, 0.0))
        await pilot.pause()
        before = app.shown()
        assert "█" in "".join(before)
        rows = plot._rows
        plot.show(HistogramShape(-1.0, 1.0, BELL, 0.0))
        assert plot._rows is rows
        plot.show(HistogramShape(-0.98, 0.98, BELL, 0.0))
        await pilot.pause()
        assert app.shown()[-1] == before[-1]


async def test_a_hidden_picture_is_computed_when_it_is_seen_again() -> None:
    app = Plot()
    async with app.run_test(size=(60, 14)) as pilot:
        plot = app.query_one(HistogramPlot)
        plot.show(None, "nothing yet")
        await pilot.pause()
        assert "nothing yet" in "".join(app.shown())
        plot.display = False
        await pilot.pause()
        rows = plot._rows
        plot.show(HistogramShape(-1.0, 1.0, BELL))
        assert plot._rows is rows
        plot.display = True
        async with asyncio.timeout(30):
            while "█" not in "".join(app.shown()):
                await pilot.pause(0.01)


async def test_in_ascii_there_is_nothing_but_ascii_in_the_bars() -> None:
    app = Plot(unicode=False)
    async with app.run_test(size=(60, 14)) as pilot:
        app.query_one(HistogramPlot).show(HistogramShape(-1.0, 1.0, BELL, 0.9))
        await pilot.pause()
        assert "#" in "".join(app.shown())
        assert "█" not in "".join(app.shown())


async def test_any_data_is_drawn_at_any_size() -> None:
    chance = random.Random(0)
    app = Plot()
    async with app.run_test(size=(60, 14)) as pilot:
        plot = app.query_one(HistogramPlot)
        for _ in range(40):
            low = chance.choice([0.0, -1e300, 1e-300, -3.0, 1e6, 5e-324])
            high = low + chance.choice([0.0, 1e-12, 2.0, 1e300, abs(low)])
            plot.show(HistogramShape(low, high, tuple(chance.choice([0.0, 1.0, 1e12]) for _ in range(chance.choice([1, 8, 64, 512]))), low), fresh=True)
            await pilot.resize_terminal(chance.randint(1, 100), chance.randint(1, 30))
