from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from gradtop.tui.screens.metrics.screen import Metrics
from gradtop.tui.ui_state import UiState
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import fake_run


@pytest.fixture
def run(runs: Path) -> Run:
    return fake_run(runs, steps=600)[0]


def titles(screen: Piloted) -> list[str]:
    assert isinstance(screen.mode, Metrics)
    return [str(chart.border_title) for chart in screen.mode.charts()]


async def test_all_metrics_are_charts_in_a_grid_that_is_scrolled_and_filtered_by_name(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.press("M")
        await screen.shows("all metrics  1–12 of")
        assert titles(screen)[:3] == ["loss", "lr", "grad_norm"]
        assert "the same as loss" in screen.shown()  # of plain_loss, without label smoothing
        await screen.press("j")
        await screen.until(lambda: titles(screen)[0] == "clipped", "the next row")
        await screen.press("k", "k")
        await screen.until(lambda: titles(screen)[0] == "loss", "the first row")
        await screen.press("slash", "v", "l", "o", "s", "s")
        await screen.until(lambda: titles(screen) == ["val_loss"], "one chart")
        await screen.press("enter", "slash", *"accuracy")
        await screen.until(lambda: titles(screen) == ["accuracy"], "the other chart")
        await screen.press("enter", "slash", *"val_loss")
        await screen.until(lambda: titles(screen) == ["val_loss"], "the first again")
        await screen.press("enter", "left")
        assert [chart.read[0] for chart in screen.mode.query(LineChart) if chart.display] == ["step 515"]
        await screen.press("escape", "escape")
        await screen.until(lambda: len(titles(screen)) == 12, "all of them")
        await screen.press("tab", "tab", "enter")
        await screen.until(lambda: titles(screen) == ["lr"], "one chart")
        await screen.press("escape")
        await screen.until(lambda: len(titles(screen)) == 12, "all of them again")
        await screen.pilot.resize_terminal(80, 24)
        await screen.until(lambda: len(titles(screen)) == 4, "four of them")


async def test_what_is_put_on_the_overview_stays_there_for_every_run_and_screen(tmp_path: Path, run: Run) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, run, memory=memory) as screen:
        await screen.press("M")
        await screen.shows("all metrics")
        await screen.press("slash", *"cpu", "enter")
        await screen.until(lambda: titles(screen) == ["cpu [%]"], "the processor")
        await screen.press("p")
        await screen.shows("cpu [%]  on Overview")
        await screen.press("1")
        await screen.until(lambda: "tab 1/2" in screen.keybar(), "another page")
        await screen.press("tab")
        await screen.shows("─ cpu [%] ─")
    async with piloted(tmp_path, run, memory=memory) as screen:
        await screen.press("tab")
        await screen.shows("─ cpu [%] ─")
        await screen.press("M", "slash", *"cpu", "enter")
        await screen.shows("cpu [%]  on Overview")
        await screen.press("p", "1")
        await screen.until(lambda: "tab" not in screen.keybar(), "one page")


async def test_a_baseline_stands_beside_each_metric_that_has_one(tmp_path: Path, run: Run) -> None:
    status = json.loads(run.status.read_text())
    run.status.write_text(json.dumps({**status, "baselines": {"accuracy": 0.1014, "loss": 2.301}}))
    async with piloted(tmp_path, run) as screen:
        await screen.press("M", "slash", *"accuracy", "enter")
        await screen.shows("baseline  0.101")
        await screen.press("slash", *"val_loss", "enter")
        await screen.shows("baseline  2.30")
