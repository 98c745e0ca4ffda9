"""What is computed, painted and sent: what changed, and nothing else."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from textual._compositor import ChopsUpdate
from textual.geometry import Region

from gradtop.trainer.record import Run
from gradtop.trainer.record.status import load_status
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.repaint import Repaint
from gradtop.tui.reading.messages import NewSnapshot
from gradtop.tui.reading.snapshot import EMPTY
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import Grower


async def test_nothing_is_painted_and_no_snapshot_posted_while_nothing_changes(
    tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = training
    ticks = 0

    async with piloted(tmp_path, run, interval=0.005) as screen:
        await screen.shows("● training")
        await screen.pilot.pause(0.05)
        painted: list[object] = []
        posted: list[object] = []
        tick = screen.app.poll.tick

        def counted() -> float:
            nonlocal ticks
            ticks += 1
            return tick()

        monkeypatch.setattr(screen.app, "_display", lambda _on, what: painted.append(what))
        monkeypatch.setattr(screen.app.poll, "_show", posted.append)
        monkeypatch.setattr(screen.app.poll, "tick", counted)
        await screen.until(lambda: ticks > 30, "thirty looks")
        assert posted == []
        assert [what for what in painted if what is not None] == []


async def test_a_step_repaints_a_few_cells(tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        await screen.pilot.pause()
        sizes: list[int] = []
        monkeypatch.setattr(screen.app, "_display", lambda _on, what: sizes.append(cells(what)))
        for _ in range(10):
            await grown(screen, grower, 1)
            await screen.pilot.pause()
        assert sizes
        assert sum(sizes) / 10 < 120


async def grown(screen: Piloted, grower: Grower, steps: int) -> None:
    """Let the run go on, until the screen has seen it."""
    grower.grow(steps)
    grower.status("training")
    status = load_status(grower.run)
    assert status is not None
    await screen.until(lambda: screen.snapshot.facts.status.step == status.step, f"step {status.step}")


def cells(update: object) -> int:
    return sum(last - first for _y, first, last in update.spans) if isinstance(update, ChopsUpdate) else 10_000 * (update is not None)


async def test_what_is_sent_for_a_change_is_the_changed_cells_alone(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        header = screen.mode.query_one(Lines)
        compositor = screen.app.screen._compositor
        header.refresh(Region(20, 0, 3, 1))
        compositor.update_widgets({header})
        update = compositor.render_partial_update()
        assert update is not None
        sent = Repaint.of(update).render_segments(screen.app.console)
        assert sent.startswith("\x1b[1;21H")
        assert len(sent) < len(update.render_segments(screen.app.console))


async def test_a_hidden_chart_computes_nothing_and_is_right_when_seen_again(tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = training
    async with piloted(tmp_path, run, size=(80, 24)) as screen:
        await screen.shows("accuracy")
        drawn: list[str | None] = []
        draw = LineChart._draw

        def watched(chart: LineChart) -> None:
            before = chart._rows
            draw(chart)
            if chart._rows is not before:
                drawn.append(chart.id)

        monkeypatch.setattr(LineChart, "_draw", watched)
        await grown(screen, grower, 10)
        await screen.pilot.pause()
        assert set(drawn) <= {"loss", "accuracy"}
        await screen.press("tab")
        await screen.shows("gradient norm")
        assert {"gradient-norm", "learning-rate"} <= set(drawn)
        drawn.clear()
        await screen.press("5")
        await screen.until(lambda: screen.app.current_mode == "schedule", "the schedule")
        drawn.clear()
        await grown(screen, grower, 10)
        await screen.pilot.pause()
        assert set(drawn) <= {"lr"}


async def test_a_mode_that_comes_back_is_drawn_at_once_and_nothing_is_drawn_behind_the_help(
    tmp_path: Path, training: tuple[Run, Grower]
) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.press("5")
        await screen.until(lambda: screen.app._batch_count == 0, "the first sight of the mode")
        screen.app.action_mode("overview")
        assert screen.app._batch_count == 0
        await screen.pilot.pause()
        await screen.press("question_mark")
        assert screen.app._background_screens == []


def test_of_many_snapshots_that_wait_the_newest_is_handled() -> None:
    assert NewSnapshot(EMPTY).can_replace(NewSnapshot(EMPTY))


async def test_after_the_first_frame_garbage_is_collected_in_full_only_now_and_then(
    tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = training
    thresholds, full = gc.get_threshold(), []
    monkeypatch.setattr("gradtop.tui.app.FULL_COLLECTION", 0.01)

    def seen(phase: str, about: dict[str, int]) -> None:
        full.extend([1] if phase == "stop" and about["generation"] == 2 else [])

    gc.disable()
    gc.callbacks.append(seen)
    try:
        async with piloted(tmp_path, run) as screen:
            await screen.until(gc.isenabled, "the collection of garbage")
            assert gc.get_threshold()[2] > thresholds[2]
            await screen.until(lambda: len(full) > 1, "a full one")
    finally:
        gc.callbacks.remove(seen)
        gc.set_threshold(*thresholds)
        gc.enable()
