from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.analysis.findings import Finding, Report, Severity
from gradtop.trainer.analysis.formatting import THIN
from gradtop.trainer.record import Run, append_event, read_status, write_status
from gradtop.trainer.record.samples import TextSample, append_sample
from gradtop.tui.reading.facts import WatchedRun
from gradtop.tui.screens.overview.screen import Overview
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import NOW, Grower, fake_run

TITLES = [pane.replace("-", " ") for pane in Overview.PANES]


@pytest.fixture
def run(training: tuple[Run, Grower]) -> Run:
    return training[0]


def seen(screen: Piloted) -> list[str]:
    """The panes whose titles stand on the screen."""
    shown = screen.shown()
    return [title for title in TITLES if f"─ {title} ─" in shown]


async def test_at_the_home_size_all_six_panes_are_seen(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        assert seen(screen) == TITLES
        assert "tab" not in screen.keybar()


async def test_a_long_event_goes_on_in_the_next_line(tmp_path: Path, run: Run) -> None:
    message = "kept all weights, the optimizer's state; dropped the position in the epoch: training continues at the beginning of epoch 4"
    append_event(run, "forked", step=1032, message=message)
    async with piloted(tmp_path, run) as screen:
        await screen.shows(f"continues from step 1{THIN}032: kept all weights,")
        right = " ".join(line.rpartition("││")[2].strip(" │▐") for line in screen.shown().splitlines())
        assert message in " ".join(right.split())


@pytest.mark.parametrize("mode", ["overview", "schedule"])
async def test_the_charts_of_a_fork_begin_where_it_began(tmp_path: Path, run: Run, mode: str) -> None:
    write_status(run, read_status(run)._replace(began=1000))
    async with piloted(tmp_path, run, mode=mode) as screen:
        charts = [chart for chart in screen.mode.query(LineChart) if chart.display]
        await screen.until(lambda: any("step" in line for line in screen.shown().splitlines()[4:]), "an axis")
        assert len(charts) == (4 if mode == "overview" else 1)
        assert "└0" not in screen.shown()


async def test_a_fork_before_its_first_step_has_an_axis_all_the_same(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, state="training", steps=0)
    write_status(run, read_status(run)._replace(began=1000, step=1000, steps=5160))
    async with piloted(tmp_path, run) as screen:
        await screen.shows("nothing measured yet")


async def test_an_epoch_stays_on_one_line_at_the_home_size(tmp_path: Path, run: Run) -> None:
    append_event(run, "epoch", epoch=1028, val_loss=0.02014, val_accuracy=0.9921, best=True)
    async with piloted(tmp_path, run) as screen:
        await screen.shows("epoch 1028 best val loss 0.0201 accuracy 0.992")


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
        for _ in Overview.PANES:
            pages += seen(screen)
            await screen.press("tab")
        assert pages == TITLES


async def test_enter_shows_the_chosen_chart_alone_and_escape_brings_the_others_back(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        assert "enter enlarge" in screen.keybar()
        await screen.press("enter")
        assert seen(screen) == ["loss"]
        assert "esc back" in screen.keybar()
        await screen.press("escape")
        assert seen(screen) == TITLES
        await screen.press("tab", "enter")
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


async def test_up_and_down_go_through_the_panes_and_the_rows_of_findings_and_events(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.shows("epochs 1–4")
        places = []
        for key in ("j", "j", "j", "k", "k", "k"):
            await screen.press(key)
            assert screen.mode.focused is not None
            places.append(screen.mode.focused.id)
        assert places == ["loss", "gradient-norm", "findings", "gradient-norm", "loss", "loss"]


async def test_a_finding_tells_its_evidence_and_advice_and_enter_opens_the_mode_that_shows_it(tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = fake_run(runs, created=NOW - 30.1)
    async with piloted(tmp_path, run) as screen:
        await screen.shows("✓ nothing wrong")
        found = SPIKE._replace(sentence="the gradients vanish towards the input", mode="gradients")
        ill = Report((found, SPIKE._replace(severity=Severity.WARNING)))
        monkeypatch.setattr(WatchedRun, "_judge", lambda _watch, _state: ill)
        grower.grow(1)
        await screen.shows("✕ loss spike at 812 · 1 more")
        assert screen.shown().splitlines()[1].endswith("✕ loss spike at 812 · 1 more ")
        for words in ("the gradients vanish", "loss 7.5   median 0.3", "lower the learning rate", "3 Gradients shows it"):
            assert words in screen.shown()
        await screen.press("tab", "tab", "tab", "tab", "tab")
        assert "enter Gradients" in screen.keybar()
        await screen.press("enter")
        await screen.until(lambda: screen.app.current_mode == "gradients", "the mode")
        assert "✕ loss spike at 812 · 1 more" in screen.shown()


async def test_events_are_scrolled_filtered_and_enlarged_and_changes_stay_in_view(tmp_path: Path, run: Run) -> None:
    append_event(run, "command", command="set", ok=True, step=1300, changes={"optimizer.lr": 3e-4}, old={"optimizer.lr": 1e-3})
    for epoch in range(8, 30):
        append_event(run, "epoch", epoch=epoch, step=172 * epoch, val_loss=1 / epoch, best=True)
        append_event(run, "checkpoint", step=172 * epoch, path=f"step-{172 * epoch:06d}.pt")
    async with piloted(tmp_path, run) as screen:
        await screen.shows("set: optimizer.lr")
        assert "checkpoint step" not in screen.shown()
        await screen.shows("epochs 8–26")
        await screen.press(*["tab"] * 6, "enter")
        assert seen(screen) == ["events"]
        await screen.shows("checkpoint step-004988")
        await screen.press("G")
        await screen.until(lambda: "epoch 29" not in screen.shown() and "epoch 1 " in screen.shown(), "the first events")
        await screen.press("slash", *"lr", "enter")
        await screen.shows("1 of ")
        assert "epoch" not in screen.shown().split("events", 1)[1].rsplit("╰", 1)[0]
        await screen.press("escape", "escape")
        assert seen(screen) == TITLES


SPIKE = Finding(
    Severity.ERROR,
    "loss spike at 812",
    "the loss rose to 25 × its median at step 812",
    "lower the learning rate",
    {"loss": 7.5, "median": 0.3},
    812,
    name="loss-spike",
)


async def test_the_texts_of_a_language_model_are_seen_the_newest_first_and_their_escape_sequences_are_not(tmp_path: Path, run: Run) -> None:
    for epoch in (1, 2):
        append_sample(run, TextSample(step=100 * epoch, epoch=epoch, loss=2.0 / epoch, temperature=0.8, prompt="Alice", text=f" was\x1b[31m here {epoch}\nand", wanted=9))
    async with piloted(tmp_path, run) as screen:
        await screen.shows("epoch 1  val loss 2")
        shown = screen.shown()
        assert "\x1b" not in shown
        assert 0 < shown.index("epoch 2  val loss 1") < shown.index("Alice was here 2") < shown.index("epoch 1  val loss 2") < shown.index("Alice was here 1")
        assert "─ learning rate ─" not in shown
        await screen.press("tab")
        await screen.shows("─ learning rate ─")
        alone = screen.app.screen.query_one("#learning-rate")
        await screen.until(lambda: alone.outer_size.width == screen.app.screen.size.width, "the one pane of the page in its whole width")
        append_sample(run, TextSample(step=300, epoch=3, loss=0.5, prompt="Alice", text="!", wanted=1))
        append_event(run, "warning", step=300, message="something")
        await screen.press("tab")
        await screen.shows("Alice!")
