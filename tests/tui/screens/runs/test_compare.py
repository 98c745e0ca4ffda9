"""Two runs of the list are compared."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.analysis.compare import Comparison, Pair, compare
from gradtop.tui.dialogs.compare import Compare, composed
from gradtop.tui.screens.runs.screen import Runs
from tests.tui.piloting import piloted
from tests.tui.screens.runs.family import Family, opened, order


async def test_a_marked_run_is_compared_with_the_one_under_the_cursor(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        mode = screen.mode
        assert isinstance(mode, Runs)
        await screen.until(lambda: mode.row is not None, "the rows")
        assert mode.check_action("compare", ()) is None
        await screen.press("m")
        await screen.shows("= quiet-heron")
        mode.table.go(family.stopped.id)
        await screen.press("x")
        await screen.until(lambda: isinstance(screen.app.screen, Compare), "the comparison")
        await screen.shows("optimizer")
        await screen.shows("3e-4")
        await screen.press("escape")
        await screen.until(lambda: not isinstance(screen.app.screen, Compare), "the list")


async def test_a_key_with_two_names_stands_in_the_bar_once(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.stopped, mode="runs", size=(200, 40)) as screen:
        await opened(screen)
        await screen.until(lambda: "x compare" in screen.keybar(), "the key")
        assert screen.keybar().count("compare") == 1


def test_what_cannot_be_read_of_a_run_stands_below_the_names_of_both(family: Family) -> None:
    family.stopped.config.write_text("[")
    found = compare(family.training, family.stopped)
    texts = ["".join(text for text, _tone in line) for line in composed(found, 60)]
    assert " ".join(" ".join(texts[1:3]).split()).startswith(f"{family.stopped.id}: run.toml cannot be read: ")
    assert texts[3:4] != texts[1:2]
    assert sum("cannot be read" in text for text in texts) == 1


def test_a_difference_has_its_percentage_in_a_terminal_of_80_columns() -> None:
    results = (Pair("last balanced accuracy", "0.9777", "0.9833", 1, "+0.0056 (+0.57 %)"), Pair("step", "3 960/3 960", "3 960/3 960"))
    lines = ["".join(text for text, _tone in line).rstrip() for line in composed(Comparison(("alpha", "beta"), results=results), 67)]
    assert lines[1].split("  ")[0] == "last balanced accuracy 0.9777"
    assert lines[1].endswith("+0.0056 (+0.57 %)")
    assert lines[2].split() == ["step", "3", "960/3", "960", "3", "960/3", "960"]
    assert max(map(len, lines)) <= 67


async def test_without_a_mark_a_run_is_compared_with_its_parent(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.stopped, mode="runs") as screen:
        await screen.until(lambda: isinstance(screen.mode, Runs) and screen.mode.row is not None, "the rows")
        await screen.press("equals_sign")
        await screen.until(lambda: isinstance(screen.app.screen, Compare), "the comparison")
        await screen.shows("amber-finch")


async def test_a_run_is_compared_with_a_parent_that_the_filter_hides(tmp_path: Path, family: Family) -> None:
    async with piloted(tmp_path, family.training, mode="runs") as screen:
        await opened(screen)
        await screen.press("slash", *"wren", "enter")
        await screen.until(lambda: order(screen) == ["tidy-wren"], "the filtered list")
        await screen.press("x")
        await screen.until(lambda: isinstance(screen.app.screen, Compare), "both side by side")
        await screen.shows("amber-finch")
