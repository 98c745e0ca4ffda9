from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.record import Run, RunReader, SegmentWriter
from gradtop.trainer.record.streams.registry import PLAIN_LOSS, STEPS, columns_of
from gradtop.tui.reading.metrics import all_metrics
from gradtop.tui.screens.overview.screen import Overview
from gradtop.tui.ui_state import UiState
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import NOW, Grower


@pytest.fixture
def run(training: tuple[Run, Grower]) -> Run:
    return training[0]


def loss_chart(screen: Piloted) -> LineChart:
    return screen.mode.query_one("#loss", LineChart)


async def test_one_cursor_reads_all_charts(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.press("left", "left", "left")
        charts = [screen.mode.query_one(f"#{name}", LineChart) for name in Overview.PANES[:4]]
        await screen.until(lambda: len({chart.cursor_x for chart in charts}) == 1, "one cursor")
        read = charts[0].read
        assert read[0].startswith("step")
        await screen.press("escape")
        await screen.until(lambda: all(chart.cursor_x is None for chart in charts), "no cursor")
        assert charts[0].read != read


async def test_zooming_reads_fewer_steps_more_finely_and_zero_shows_all_again(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.until(lambda: len(screen.snapshot.part.loss.x) > 100, "the curves")
        whole = screen.snapshot.part.loss
        assert "all steps" not in screen.keybar()
        await screen.press("plus", "plus", "plus")
        await screen.until(lambda: screen.snapshot.part.loss.x[0] > 1000, "the newest steps")
        assert set(screen.snapshot.part.loss.finite) == {1}
        assert "0 all steps" in screen.keybar()
        best = screen.snapshot.part.best_loss
        newest = screen.snapshot.part.loss.x[0]
        await screen.press("left_square_bracket")
        await screen.until(lambda: screen.snapshot.part.loss.x[0] < newest, "earlier steps")
        assert screen.snapshot.part.best_loss == best
        await screen.press("right_square_bracket", "minus", "minus", "minus")
        await screen.until(lambda: screen.snapshot.part.loss.x[0] == whole.x[0], "all steps")
        await screen.pilot._post_mouse_events([events.MouseScrollUp], "#accuracy", offset=(40, 5))
        await screen.until(lambda: screen.snapshot.part.loss.x[0] > whole.x[0], "the steps around the mouse")
        await screen.press("0")
        await screen.until(lambda: screen.snapshot.part.loss.x[0] == whole.x[0], "all steps")


async def test_axis_quantity_and_smoothing_are_remembered(tmp_path: Path, run: Run) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, run, memory=memory) as screen:
        assert not loss_chart(screen).is_log
        await screen.press("Y", "w", "t")
        assert loss_chart(screen).is_log
        await screen.shows("epoch 8.7")
        await screen.shows("smoothing: 0.6 per step")
        await screen.press("t")
        await screen.shows("time 0:3")
        await screen.press("t")
        await screen.shows("step 1")
        await screen.press("t")
    async with piloted(tmp_path, run, memory=memory) as screen:
        await screen.shows("epoch 8.7")
        await screen.press("left")
        chart = loss_chart(screen)
        assert chart.is_log
        assert chart.read[0].startswith("epoch ")
        assert " · step" in chart.read[0]


async def test_the_figures_are_those_of_the_events_and_of_plot(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.until(lambda: screen.snapshot.part.last, "the newest values")
        last, reader = screen.snapshot.part.last, RunReader(run)
        reader.refresh()
        metrics = all_metrics(reader)
        assert {name: metrics[name].stream.last_finite(metrics[name].column)[1] for name in last} == last  # type: ignore[index]
        event = next(event for event in reversed(reader.events) if event["kind"] == "epoch")
        assert (last["val_loss"], last["accuracy"]) == (event["val_loss"], event["val_accuracy"])
        chart = screen.mode.query_one("#loss", LineChart)
        assert f"val {significant(last['val_loss'])}" in chart.read


async def test_a_loss_with_label_smoothing_is_named_and_the_plain_one_is_drawn_beside_it(tmp_path: Path, run: Run) -> None:
    run.config.write_text(run.config.read_text().replace("[training]", "[training]\nlabel_smoothing = 0.1"))
    writer = SegmentWriter(run, STEPS, columns_of(STEPS), first_step=1000)
    row = dict.fromkeys((column.name for column in columns_of(STEPS)), 0.5) | {PLAIN_LOSS: 0.25}
    writer.append_many([(step, NOW, *row.values()) for step in range(1000, 1204)])
    writer.close()
    async with piloted(tmp_path, run) as screen:
        await screen.until(lambda: screen.snapshot.part.plain_loss.x, "the plain loss")
        assert loss_chart(screen).read[:2] == ("train with label smoothing 0.1 0.500", "train 0.250")
