from __future__ import annotations

import math
import random

import pytest
from textual.app import App, ComposeResult

from gradtop.tui.theme import DARK
from gradtop.tui.widgets.axis import linear
from gradtop.tui.widgets.histogram import HistogramPlot, Shape, merged, widened
from gradtop.tui.widgets.plots import bars, outlines

X, Y = linear(-1.0, 1.0, 4), linear(0.0, 100.0, 4)
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


@pytest.mark.parametrize("size", [(12, 4), (30, 6), (80, 18), (200, 50)])
@pytest.mark.parametrize("unicode", [True, False])
def test_a_picture_has_exactly_its_size(size: tuple[int, int], unicode: bool) -> None:
    lines = bars(BELL, (-1.0, 1.0), X, Y, size, unicode=unicode)
    assert {len(line) for line in lines} == {size[0]}
    assert len(lines) == size[1]
    assert ("█" in "".join(lines)) == unicode
    assert ("#" in "".join(lines)) != unicode


def test_where_there_is_no_room_there_is_no_picture() -> None:
    assert bars(BELL, (-1.0, 1.0), X, Y, (11, 10), unicode=True) == []
    assert bars(BELL, (-1.0, 1.0), X, Y, (40, 3), unicode=True) == []


def test_a_bar_of_nothing_has_no_ink_and_the_smallest_has_some() -> None:
    lines = bars([0, 0, 100, 0, 1e-9], (-1.0, 1.0), X, Y, (60, 12), unicode=False)
    bottom = lines[-3].partition("┤")[2]
    assert bottom.startswith("     ")
    assert bottom.rstrip().endswith("##")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_plotext_never_sees_what_is_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        bars([1, bad], (-1.0, 1.0), X, Y, (40, 10), unicode=True)


def test_two_pictures_do_not_mix() -> None:
    alone = bars([1, 2, 3], (-1.0, 1.0), X, linear(0, 3, 3), (40, 10), unicode=True)
    bars(BELL, (-1.0, 1.0), X, Y, (80, 20), unicode=False)
    assert bars([1, 2, 3], (-1.0, 1.0), X, linear(0, 3, 3), (40, 10), unicode=True) == alone


def test_bars_that_touch_share_an_outline() -> None:
    assert list(outlines([0, 1, 2, 0, 3], (0.0, 5.0))) == [([1, 2, 2, 3], [1, 1, 2, 2]), ([4, 5], [3, 3])]


def test_a_range_of_no_width_is_one_bar_with_room_on_both_sides() -> None:
    low, high, bins = widened(Shape(0.5, 0.5, (0.0, 7.0)))
    assert low < 0.5 < high
    assert [value for value in bins if value] == [7.0]
    assert widened(Shape(0.0, 0.0, (3.0,)))[0] < 0
    assert widened(Shape(0.0, 1.0, (3.0, 4.0))) == (0.0, 1.0, (3.0, 4.0))


def test_more_bins_than_dots_are_added_up() -> None:
    high, bins = merged(0.0, 1.0, [1.0] * 10, 4)
    assert bins == [3.0, 3.0, 3.0, 1.0]
    assert high == pytest.approx(1.2)
    assert merged(0.0, 1.0, [1.0] * 4, 4) == (1.0, [1.0] * 4)


async def test_the_picture_changes_only_where_it_is_another() -> None:
    app = Plot()
    async with app.run_test(size=(60, 14)) as pilot:
        plot = app.query_one(HistogramPlot)
        plot.show(Shape(-1.0, 1.0, BELL, 0.0))
        await pilot.pause()
        before = app.shown()
        assert "█" in "".join(before)
        rows = plot._rows
        plot.show(Shape(-1.0, 1.0, BELL, 0.0))
        assert plot._rows is rows
        plot.show(Shape(-0.98, 0.98, BELL, 0.0))
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
        plot.show(Shape(-1.0, 1.0, BELL))
        assert plot._rows is rows
        plot.display = True
        await pilot.pause()
        assert "█" in "".join(app.shown())


async def test_in_ascii_there_is_nothing_but_ascii_in_the_bars() -> None:
    app = Plot(unicode=False)
    async with app.run_test(size=(60, 14)) as pilot:
        app.query_one(HistogramPlot).show(Shape(-1.0, 1.0, BELL, 0.9))
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
            plot.show(Shape(low, high, tuple(chance.choice([0.0, 1.0, 1e12]) for _ in range(chance.choice([1, 8, 64, 512]))), low), fresh=True)
            await pilot.resize_terminal(chance.randint(1, 100), chance.randint(1, 30))
