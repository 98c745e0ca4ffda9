"""A screen that is left open for weeks: what it made for a dialog or a mode goes with it."""

from __future__ import annotations

import gc
from pathlib import Path

from rich.segment import Segment
from textual._styles_cache import StylesCache
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from gradtop.trainer.record import Run
from gradtop.tui.framework.header import Header
from gradtop.tui.framework.terminal_app import ANSWERS, CUTS, REGIONS, SIZES, forget_regions
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
        # A screenful more or less, where the last round drew other lines; what is still being drawn goes.
        await screen.until(lambda: living()["strips"] <= before["strips"] + 60, "the end of the strips of dialogs")


async def walk(screen: Piloted, rounds: int) -> None:
    for _ in range(rounds):
        await screen.press(*WALK)


def living() -> dict[str, int]:
    gc.collect()
    kinds = [type(each) for each in gc.get_objects()]
    return {"widgets": sum(issubclass(kind, Widget) for kind in kinds), "caches": kinds.count(StylesCache), "strips": kinds.count(Strip)}


def sizes_remembered() -> set[int]:
    """The limits of what each widget remembers."""
    return {cache.maxsize for each in gc.get_objects() if issubclass(type(each), Widget) for cache in (each._query_one_cache, each._box_model_cache)}


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
