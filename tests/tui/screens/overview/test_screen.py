from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gradtop.trainer.analysis.formatting import THIN, significant
from gradtop.trainer.record import Run, RunReader, append_event, read_status, write_status
from gradtop.tui.reading.metrics import all_metrics
from gradtop.tui.screens.overview.screen import PANES, Overview
from gradtop.tui.ui_state import UiState
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import Grower, fake_run

TITLES = [pane.replace("-", " ") for pane in PANES]


@pytest.fixture
def run(training: tuple[Run, Grower]) -> Run:
    return training[0]


def seen(screen: Piloted) -> list[str]:
    """The panes whose titles stand on the screen."""
    shown = screen.shown()
    return [title for title in TITLES if f"─ {title} ─" in shown]


def loss_chart(screen: Piloted) -> LineChart:
    return screen.mode.query_one("#loss", LineChart)


async def test_at_the_home_size_all_six_panes_are_seen(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        assert seen(screen) == TITLES
        assert "tab" not in screen.keybar()


async def test_a_long_event_goes_on_in_the_next_line(tmp_path: Path, run: Run) -> None:
    message = "kept all weights, the optimizer's state; dropped the position in the epoch: training continues at the beginning of epoch 4"
    append_event(run, "forked", step=1032, message=message)
    async with piloted(tmp_path, run) as screen:
        await screen.shows(f"continues from step 1{THIN}032: kept all weights,")
        right = " ".join(line.rpartition("││")[2].strip(" │") for line in screen.shown().splitlines())
        assert message in " ".join(right.split())


@pytest.mark.parametrize("mode", ["overview", "schedule"])
async def test_the_charts_of_a_fork_begin_where_it_began(tmp_path: Path, run: Run, mode: str) -> None:
    write_status(run, replace(read_status(run), began=1000))
    async with piloted(tmp_path, run, mode=mode) as screen:
        charts = [chart for chart in screen.mode.query(LineChart) if chart.display]
        await screen.until(lambda: any("step" in line for line in screen.shown().splitlines()[4:]), "an axis")
        assert len(charts) == (4 if mode == "overview" else 1)
        assert "└0" not in screen.shown()


async def test_a_fork_before_its_first_step_has_an_axis_all_the_same(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, state="training", steps=0)
    write_status(run, replace(read_status(run), began=1000, step=1000, steps=5160))
    async with piloted(tmp_path, run) as screen:
        await screen.shows("nothing measured yet")


async def test_an_epoch_stays_on_one_line_at_the_home_size(tmp_path: Path, run: Run) -> None:
    append_event(run, "epoch", epoch=1028, val_loss=0.02014, val_accuracy=0.9921, best=True)
    async with piloted(tmp_path, run) as screen:
        await screen.shows("epoch 1028 val loss 0.0201 accuracy 0.992 best")


async def test_a_run_that_ended_before_it_measured_promises_nothing(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, state="stopped", steps=0)
    async with piloted(tmp_path, run) as screen:
        await screen.shows("nothing was measured")
        assert "the first evaluation comes" not in screen.shown()
        assert "nothing measured yet" not in screen.shown()


async def test_at_80_by_24_tab_turns_the_pages_and_comes_round(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run, size=(80, 24)) as screen:
        for page in (0, 1, 2, 0):
            assert seen(screen) == TITLES[2 * page : 2 * page + 2]
            assert f"tab {page + 1}/3" in screen.keybar()
            await screen.press("tab")
        await screen.press("shift+tab", "shift+tab")
        assert seen(screen) == TITLES[4:]
        assert all(word in screen.keybar() for word in ("space pause", "s stop", "? help", "q leave"))


@pytest.mark.parametrize("size", [(79, 24), (60, 20), (40, 12)])
async def test_below_80_columns_one_pane_fills_the_screen(tmp_path: Path, run: Run, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, run, size=size) as screen:
        pages = []
        for _ in PANES:
            pages += seen(screen)
            await screen.press("tab")
        assert pages == TITLES


async def test_enter_shows_the_chosen_chart_alone_and_escape_brings_the_others_back(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.press("enter")
        assert seen(screen) == TITLES
        await screen.press("tab", "tab", "enter")
        assert seen(screen) == ["accuracy"]
        await screen.press("escape")
        assert seen(screen) == TITLES
        await screen.press("escape")
        assert screen.mode.focused is None


async def test_the_arrows_read_the_chart_and_escape_ends_it(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.press("left")
        chart = screen.mode.query_one("#loss", LineChart)
        assert screen.mode.focused is chart
        newest = chart.cursor_x
        assert newest is not None
        await screen.press("left", "left", "right")
        assert chart.cursor_x is not None
        assert chart.cursor_x < newest
        before = chart.cursor_x
        await screen.press("shift+left")
        assert chart.cursor_x < before
        await screen.press("home")
        assert chart.cursor_x < 50
        await screen.press("end")
        assert chart.cursor_x == newest
        assert chart.read[0].startswith("steps ")
        await screen.press("escape")
        assert chart.cursor_x is None


async def test_what_is_read_is_what_is_copied(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.press("left")
        mode = screen.mode
        assert isinstance(mode, Overview)
        text, what = mode.copied()
        assert text.startswith("loss: steps 1")
        assert what == "what the chart says"


async def test_a_click_reads_a_chart(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.pilot.click("#gradient-norm", offset=(20, 5))
        await screen.until(lambda: screen.mode.query_one("#gradient-norm", LineChart).cursor_x is not None, "the reading line")


async def test_the_schedule_reads_its_value_at_a_step(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run, mode="schedule") as screen:
        for words in ("cosine", "warm-up 200 steps", "highest 1e-3", "at the end 1e-8", "warm-up ends", "← → read the value at a step"):
            assert words in screen.shown()
        await screen.press("home")
        await screen.shows("epoch 0.")
        await screen.press("right", "right")
        text, _what = screen.mode.copied()
        assert text.startswith("step ")
        assert "planned" in text
        await screen.press("escape")
        await screen.shows("read the value at a step")
        assert screen.mode.copied()[0] == str(run.path)


async def test_one_cursor_reads_all_charts(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.press("left", "left", "left")
        charts = [screen.mode.query_one(f"#{name}", LineChart) for name in PANES[:4]]
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
        await screen.press("plus", "0")
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


async def test_the_figures_are_those_of_the_events_show_and_plot(tmp_path: Path, run: Run) -> None:
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
