"""A screen that is left open for weeks: what it made for a dialog or a mode goes with it."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.segment import Segment
from textual._styles_cache import StylesCache
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.geometry import Region
from textual.map_geometry import MapGeometry
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.widgets._toast import Toast, ToastHolder

from gradtop.trainer.record import Run
from gradtop.tui.framework.caches import ANSWERS, CUTS, OF_REGION, OF_STRIP, PLACES, SIZES
from gradtop.tui.framework.header import Header
from gradtop.tui.framework.terminal_app import REGIONS, forget_regions
from gradtop.tui.terminal import Capabilities
from gradtop.tui.widgets.glyphs import AsciiFilter
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import fake_run

WALK = ("question_mark", "escape", "l", "escape", "s", "escape", "7", "m", "j", "x", "escape", "m", "k", "1")
ROUNDS = 2


async def test_modes_and_dialogs_that_come_and_go_leave_nothing_behind(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    _, other = fake_run(tmp_path / "runs", "amber-finch", state="done", steps=60)
    other.close()
    async with piloted(tmp_path, run) as screen:
        await walk(screen, 1)  # each mode is made once and stays
        before = living()
        await walk(screen, ROUNDS)
        await screen.until(lambda: living()["widgets"] <= before["widgets"], "the end of the widgets of dialogs")
        assert sizes_remembered() <= {ANSWERS, SIZES}
        after = living()
        assert after["caches"] == after["widgets"]
        # A mode that was left before all of it was drawn, beside other load, draws more lines the next time: once, where a leak adds
        # some each time. A screenful more or less, where the last round drew other lines.
        counts = [living()["strips"]]
        while len(counts) < 2 or counts[-1] > counts[-2] + 60:
            assert len(counts) < 8, f"lines of dialogs stay: {counts}"
            await walk(screen, ROUNDS)
            counts.append(living()["strips"])


async def walk(screen: Piloted, rounds: int) -> None:
    for _ in range(rounds):
        await screen.press(*WALK)


def living() -> dict[str, int]:
    gc.collect()
    kinds = [type(each) for each in gc.get_objects()]
    return {"widgets": sum(issubclass(kind, Widget) for kind in kinds), "caches": kinds.count(StylesCache), "strips": kinds.count(Strip)}


def sizes_remembered() -> set[int]:
    """The limits of what each widget remembers."""
    return {cache._maxsize for each in gc.get_objects() if issubclass(type(each), Widget) for cache in (each._query_one_cache, each._box_model_cache)}


async def test_a_widget_keeps_few_regions_to_draw(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        header = screen.app.screen.query_one(Header)
        for y in range(2 * REGIONS):
            header.refresh(Region(y, 0, 1, 1))
        assert len(header._dirty_regions) > REGIONS
        forget_regions(screen.app._registry)
        assert header._dirty_regions == {header.outer_size.region}
        await screen.press("question_mark", "escape")
        await screen.shows("quiet-heron")


def test_cut_texts_are_remembered_in_bounds() -> None:
    for number in range(2 * CUTS):
        assert Segment(f"text {number}").split_cells(4)[0].text == "text"
    assert Segment._split_cells.cache_info().currsize <= CUTS  # type: ignore[attr-defined]


def test_a_line_has_no_caches_but_those_it_used() -> None:
    line = Strip([Segment("abcdef")], 6)
    assert caches_of(line) == {}
    assert line.crop(1, 3).text == "bc"
    assert caches_of(line) == {"_crop_cache": OF_STRIP["_crop_cache"]}
    assert line.crop(1, 3) is line.crop(1, 3)
    with pytest.raises(AttributeError, match="another"):
        _ = line.another  # type: ignore[attr-defined]


def test_the_caches_of_a_line_are_as_large_as_textuals() -> None:
    spec = importlib.util.find_spec("textual.strip")
    assert spec is not None
    assert spec.loader is not None
    textuals = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(textuals)  # as it is before anything of it is replaced
    assert caches_of(textuals.Strip([])) == OF_STRIP


def caches_of(line: Strip) -> dict[str, int]:
    """The caches that a line has, with their limits."""
    found = {}
    for name in OF_STRIP:
        with contextlib.suppress(AttributeError):
            found[name] = vars(type(line))[name].__get__(line)._maxsize
    return found


def test_a_line_that_is_cut_into_itself_goes_with_its_last_use() -> None:
    line = Strip([Segment("abc")], 3)
    with uncollected():
        assert [line.divide(cuts) for cuts in ([3], [3, 9])] == [[line], [line]]
        assert [piece.text for piece in line.divide([1, 3])] == ["a", "bc"]
        del line
        assert gc.collect() == 0


async def test_a_widget_keeps_its_lines_once_as_they_are_shown(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.press("3", "question_mark", "escape", "1")
        gc.collect()
        drawn = [line for each in gc.get_objects() if type(each) is StylesCache for line in each._cache.values()]
        assert drawn
        assert not any("_filter_cache" in caches_of(line) for line in drawn)


async def test_what_makes_lines_ascii_is_asked_for_each_line_once(tmp_path: Path, training: tuple[Run, object], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = training
    made: list[list[Segment]] = []
    make = AsciiFilter.apply
    monkeypatch.setattr(AsciiFilter, "apply", lambda each, segments, background: made.append(segments) or make(each, segments, background))  # type: ignore[func-returns-value]
    async with piloted(tmp_path, run, capabilities=Capabilities(unicode=False), interval=60) as screen:
        await screen.shows("quiet-heron")
        header = screen.app.screen.query_one(Header)
        lines = header.render_lines(header.size.region)
        made.clear()
        assert all(before is after for before, after in zip(lines, header.render_lines(header.size.region), strict=True))
        assert not made
        assert all(line.text.isascii() for line in lines)
        header._styles_cache._filters = []  # type: ignore[attr-defined]  # as if others were asked for now
        assert [line.text for line in header.render_lines(header.size.region)] == [line.text for line in lines]
        assert made


async def test_a_layout_goes_with_the_next_one(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        mode = screen.app.screen
        with uncollected():
            before = places()
            for _ in range(3):
                laid_out, widgets = mode._compositor._arrange_root(mode, mode.size)
                assert laid_out[mode.query_one(Header)].region.width == mode.size.width
                assert mode.query_one(Header) in widgets
                del laid_out, widgets
            assert places() <= before


class Sentence(Static):
    """Of this test alone."""


class Question(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        with Vertical():
            yield Sentence("sure?")
            yield Input()


async def test_dialogs_go_with_all_their_widgets_when_they_are_closed(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        with uncollected():
            for _ in range(3):
                await screen.app.push_screen(Question())
                await screen.shows("sure?")
                await screen.press("x")
                await screen.until(lambda: screen.app.screen.query_one(Input).value == "x", "the key")
                await screen.app.pop_screen()
            # That which took the last key is kept until the next one.
            await screen.until(lambda: count(Question) == count(Sentence) == 0 and count(Input) <= 1, "the end of the dialogs")


def count(kind: type) -> int:
    return sum(type(each) is kind for each in gc.get_objects())


async def test_toasts_of_a_mode_that_was_left_go_when_their_time_is_over(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training

    def toasts() -> int:
        gc.collect()
        return count(Toast) + count(ToastHolder)

    async with piloted(tmp_path, run) as screen:
        before = toasts()  # of apps of other tests
        left = screen.app.screen
        screen.app.notify("a short word", timeout=0.3)
        await screen.until(lambda: left.query(Toast), "the toast")
        await screen.press("5")
        await screen.until(lambda: screen.app.screen is not left, "another mode")
        await screen.until(lambda: not left.query(ToastHolder), "the end of the toasts on it")  # looked for among all objects no sooner
        await screen.until(lambda: toasts() <= before, "the end of the toasts")
        await screen.press("1")
        await screen.until(lambda: screen.app.screen is left, "the mode")
        await screen.shows("quiet-heron")


def test_places_are_remembered_in_bounds() -> None:
    for number in range(2 * PLACES):
        assert Region(number, 0, 4, 4).intersection(Region(0, 0, number + 2, 2)) == Region(number, 0, 2, 2)
    for name in OF_REGION:
        cache = getattr(Region, name)
        assert cache.cache_parameters()["maxsize"] == PLACES
        assert cache.cache_info().currsize <= PLACES


async def test_the_styles_of_a_widget_that_is_gone_can_still_be_set(tmp_path: Path, training: tuple[Run, object]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        widget = Static("here")
        await screen.app.screen.mount(widget)
        await widget.remove()
        widget.styles.display = "none"
        widget.add_class("late")
        widget.update("gone")
        widget.styles.animate("opacity", 0.5, duration=0.01)
        widget.refresh(layout=True)
        await screen.shows("quiet-heron")


def places() -> int:
    return sum(type(each) is MapGeometry for each in gc.get_objects())


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Nothing goes but what nothing holds."""
    gc.collect()
    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gradtop.tui.framework.garbage.begin", lambda _app: None)  # which the app may come to within
            yield
    finally:
        gc.enable()
