from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from gradtop.trainer.record import Run
from gradtop.tui.dialogs.overlay import Overlay
from gradtop.tui.dialogs.overlay_groups import Groups, curves, style_of
from gradtop.tui.reading.chart_view import ChartView, Window
from gradtop.tui.reading.overlay import Overlaid, OverlayView
from gradtop.tui.screens.runs.marks import numbered
from gradtop.tui.screens.runs.screen import Runs
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import NOW, Grower, fake_run


@pytest.fixture
def chosen(tmp_path: Path) -> list[Run]:
    """A run, two that differ from it in the seed alone, and one with another learning rate."""
    runs = tmp_path / "runs"
    first, _ = fake_run(runs, "amber-finch", state="done", steps=400, created=NOW - 4000)
    seeds = [
        fake_run(runs, f"amber-finch-seed{seed}", state="done", steps=400, seed=seed, parent=first, changes=[("training.seed", 0, seed)], created=NOW - 4000 + seed)[0]
        for seed in (1, 2)
    ]
    other, _ = fake_run(runs, "tidy-wren", state="done", steps=300, seed=9, parent=first, changes=[("optimizer.lr", 1e-3, 3e-4)], created=NOW - 3000)
    return [first, *seeds, other]


def of(*arguments: object, **options: object) -> OverlayView:
    return OverlayView(ChartView(*arguments, **options))  # type: ignore[arg-type]


def test_seeds_of_one_configuration_are_one_group_with_a_mean(chosen: list[Run]) -> None:
    family, other = Overlaid(chosen, clock=lambda: NOW).read().groups
    assert (family.name, other.name) == ("amber-finch and 2 other seeds", "tidy-wren")
    assert len(family.curves["loss"]) == 3
    assert set(family.means["val_loss"].finite) == {3}
    lines = curves([family, other], "loss", {run.id: number for number, run in enumerate(chosen)})
    assert [(line.style, line.faint) for line in lines] == [("a", False), *[("a", True)] * 3, ("d", False)]


def test_curves_over_epochs_and_time_begin_together(chosen: list[Run]) -> None:
    overlaid = Overlaid([chosen[0], chosen[3]], clock=lambda: NOW)
    by_epoch = overlaid.read(of(quantity="epoch")).groups
    assert [group.curves["loss"][0].series.x_last[-1] for group in by_epoch] == pytest.approx([399 / 172, 299 / 172])
    by_time = overlaid.read(of(quantity="time")).groups
    assert [group.curves["loss"][0].series.x[0] for group in by_time] == [0, 0]
    assert by_time[1].curves["loss"][0].series.x_last[-1] == pytest.approx(299 * 0.025)


def test_curves_over_the_clock_lie_where_the_runs_were_trained(chosen: list[Run]) -> None:
    overlaid = Overlaid([chosen[0], chosen[3]], clock=lambda: NOW)
    found = overlaid.read(of(quantity="clock"))
    first, other = (group.curves["loss"][0].series for group in found.groups)
    assert other.x[0] - first.x[0] == pytest.approx(1000, abs=5)
    assert found.ends == (first.x[0], other.x_last[-1])
    seen = overlaid.read(of(window=Window(other.x[0] - 1, other.x_last[-1]), quantity="clock"))
    assert [len(group.curves["loss"][0].series.x) > 0 for group in seen.groups] == [False, True]


def test_twenty_groups_differ_in_colour_or_pattern() -> None:
    assert len({style_of(number) for number in range(64)}) == 64
    assert len({pattern for _style, pattern in map(style_of, range(8))}) == 8  # without colours too


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_v_draws_the_marked_runs_over_each_other(tmp_path: Path, chosen: list[Run], size: tuple[int, int]) -> None:
    async with piloted(tmp_path, None, mode="runs", size=size) as screen:
        mode = screen.mode
        assert isinstance(mode, Runs)
        await screen.until(lambda: len(mode.table.keys) == 4, "the rows")
        for run in chosen:
            mode.table.go(run.id)
            await screen.press("m")
        await screen.press("v")
        await screen.shows("amber-finch and 2 other seeds")
        overlay = screen.app.screen
        assert isinstance(overlay, Overlay)
        await screen.until(lambda: all(chart.read for chart in overlay.charts()), "the charts")
        assert "± " in screen.shown()
        await screen.press("left")
        await screen.until(lambda: len({chart.cursor_x for chart in overlay.charts()} - {None}) == 1, "one cursor for all charts")
        await screen.press("plus")
        await screen.until(lambda: (window := found_window(overlay)) is not None and window.first >= 190, "the newer half")
        await screen.press("left_square_bracket", "0")
        await screen.until(lambda: overlay.found is not None and overlay.found.view.seen.window is None, "all steps")
        await screen.press("t")
        await screen.until(lambda: overlay.found is not None and overlay.found.view.seen.quantity == "epoch", "epochs")
        await screen.press("escape")
        await screen.until(lambda: screen.app.screen is mode, "the list")
        await screen.press("u")
        await screen.until(lambda: mode.check_action("unmark", ()) is None, "no marks")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_single_runs_are_hidden_and_shown_again(tmp_path: Path, chosen: list[Run], size: tuple[int, int]) -> None:
    async with piloted(tmp_path, None, mode="runs", size=size) as screen:
        overlay = Overlay(chosen)
        await screen.app.push_screen(overlay)
        await screen.until(lambda: overlay.found is not None and bool(overlay.charts()[0].read), "the charts")
        lines, (chart, *_) = overlay.query_one(Groups), overlay.charts()
        drawn = [line.style for line in chart._chart.lines]
        assert overlay.check_action("show_all", ()) is None
        await screen.press("m")  # chooses the first
        await screen.shows("▸")
        assert len(lines.shown) == 2
        await screen.press("m")
        await screen.shows("hidden")
        assert [(line.label, line.style) for line in chart._chart.lines] == [("tidy-wren", "d")]
        assert chart._chart.x_max == 299  # where the one ends that is left
        await screen.press("j", "m")
        assert len(lines.shown) == 1  # the last one stays
        await screen.press("u")
        await screen.until(lambda: "hidden" not in screen.shown(), "all runs")
        assert [line.style for line in chart._chart.lines] == drawn
        assert overlay.check_action("show_all", ()) is None


@pytest.mark.parametrize("quantity", ["epoch", "time", "clock"])
async def test_runs_of_a_second_and_an_epoch_are_zoomed_by_key_and_wheel(tmp_path: Path, runs: Path, quantity: str) -> None:
    short = [fake_run(runs, name, state="done", steps=40, created=NOW - age)[0] for name, age in (("quick-wren", 100), ("fleet-hare", 99))]
    async with piloted(tmp_path, None, mode="runs") as screen:
        overlay = Overlay(short)
        await screen.app.push_screen(overlay)
        await screen.until(lambda: overlay.found is not None and bool(overlay.charts()[0].read), "the charts")
        while overlay.chart_view.quantity != quantity:
            await screen.press("t")
        await screen.until(lambda: overlay.found is not None and overlay.found.view.seen.quantity == quantity, "the quantity")
        assert overlay.found is not None
        low, high = overlay.found.ends
        assert high - low < 3
        for times in (2, 4, 8):
            await screen.press("plus")
            wanted = (high - low) / times
            await screen.until(lambda wanted=wanted: (seen := found_window(overlay)) is not None and seen.width == pytest.approx(wanted, rel=1e-3), "a closer window")  # type: ignore[misc]
        before = found_window(overlay)
        assert before is not None
        assert before.last == pytest.approx(high, abs=1e-6)
        chart = overlay.charts()[0]
        drawn = chart._chart
        assert drawn.x_max is not None
        assert drawn.x_max - drawn.x_min == pytest.approx(before.width, rel=1e-3)
        chart.post_message(events.MouseScrollUp(chart, 20, 5, 0, 0, 0, shift=False, meta=False, ctrl=False))
        await screen.until(lambda: (seen := found_window(overlay)) is not None and seen.width < before.width, "the wheel")


def found_window(overlay: Overlay) -> Window | None:
    return overlay.found.view.seen.window if overlay.found is not None else None


def test_a_run_keeps_its_colour_while_others_are_unmarked() -> None:
    numbers = numbered(["a", "b", "c"], {})
    assert numbers == {"a": 0, "b": 1, "c": 2}
    assert numbered(["b", "c", "d"], numbers) == {"b": 1, "c": 2, "d": 0}


def test_a_window_is_read_in_the_quantity_of_its_charts(chosen: list[Run]) -> None:
    overlaid = Overlaid(chosen[:1], clock=lambda: NOW)
    by_step = overlaid.read(of(window=Window(100, 200)))
    loss = by_step.groups[0].curves["loss"][0].series
    assert (loss.x[0], loss.x_last[-1]) == (100, 200)
    overlaid.read(of(quantity="epoch"))
    by_epoch = overlaid.read(of(window=Window(1, 2), quantity="epoch"))
    assert by_epoch.groups[0].curves["loss"][0].series.x[0] == pytest.approx(1)
    assert by_epoch.ends == pytest.approx((0, 399 / 172))  # of the whole run


async def test_a_run_that_goes_on_grows_in_the_overlay(tmp_path: Path, chosen: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.tui.dialogs.overlay.EVERY", 0.05)
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", steps=200, created=NOW - 30)
    assert isinstance(grower, Grower)
    async with piloted(tmp_path, run, mode="runs") as screen:
        screen.app.push_screen(Overlay([chosen[0], run]))
        await screen.shows("quiet-heron")
        overlay = screen.app.screen
        assert isinstance(overlay, Overlay)
        grower.grow(50)

        def seen() -> float:
            return overlay.found.groups[1].curves["loss"][0].series.last if overlay.found is not None else 0

        await screen.until(lambda: seen() == 249, "the new steps")


def test_what_a_run_lacks_is_said_of_it(tmp_path: Path, chosen: list[Run]) -> None:
    for file in chosen[3].streams.glob("*.json"):
        file.write_text("{")
    _family, other = Overlaid(chosen, clock=lambda: NOW).read().groups
    assert "is not whole" in other.curves["loss"][0].problem


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_any_metric_of_the_runs_is_found_by_its_name_and_the_keys_are_told(tmp_path: Path, chosen: list[Run], size: tuple[int, int]) -> None:
    async with piloted(tmp_path, None, mode="runs", size=size) as screen:
        screen.app.push_screen(Overlay(chosen))
        await screen.shows("amber-finch and 2 other seeds")
        overlay = screen.app.screen
        assert isinstance(overlay, Overlay)
        await screen.press("slash", *"gradn")
        await screen.until(lambda: overlay.found is not None and overlay.found.view.typed == "gradn", "the metrics that match")
        assert overlay.found is not None
        assert overlay.found.metrics[0] == "grad_norm"
        await screen.shows("metrics that match 'gradn'")
        await screen.press("enter")
        await screen.until(lambda: all(chart.read for chart in overlay.charts()), "their charts")
        assert len(overlay.charts()) == (len(overlay.found.metrics) if size[1] >= 30 else 1)
        assert all(each.series.x for each in overlay.found.groups[0].curves["grad_norm"])
        await screen.press("question_mark")
        await screen.shows("keys in the overlay")
        await screen.press("escape", "escape")
        await screen.until(lambda: overlay.found is not None and overlay.found.metrics[0] == "loss", "the usual metrics")
        await screen.press("slash", *"zzzz")
        await screen.shows("0 metrics that match 'zzzz'")
        await screen.press("escape", "escape")
        await screen.until(lambda: screen.app.screen is screen.mode, "the list")
