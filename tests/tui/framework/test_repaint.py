"""What is computed, painted and sent: what changed, and nothing else."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.geometry import Region
from textual.strip import Strip

from gradtop.trainer.record import Run
from gradtop.trainer.record.status import load_status
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.repaint import Repaint, harmless
from gradtop.tui.reading.messages import NewSnapshot
from gradtop.tui.reading.snapshot import EMPTY, Snapshot
from gradtop.tui.widgets.line_chart import LineChart
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import Grower


async def test_nothing_is_painted_and_no_snapshot_posted_while_nothing_changes(
    tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = training
    calm = 0  # looks in a row that led to nothing: what the first ones have led to may come late

    async with piloted(tmp_path, run, interval=0.005) as screen:
        await screen.shows("● training")
        tick, display, take = screen.app.poll.tick, screen.app._display, screen.app.poll._on_snapshot

        def counted() -> float:
            nonlocal calm
            calm += 1
            return tick()

        def painted(on: Any, what: Any) -> None:
            nonlocal calm
            calm = calm if what is None else 0
            display(on, what)

        def posted(snapshot: Snapshot) -> None:
            nonlocal calm
            calm = 0
            take(snapshot)

        monkeypatch.setattr(screen.app, "_display", painted)
        monkeypatch.setattr(screen.app.poll, "_on_snapshot", posted)
        monkeypatch.setattr(screen.app.poll, "tick", counted)
        await screen.until(lambda: calm > 50, "fifty looks that lead to nothing")


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
        # Where a terminal has few colors, the blanks may come first.
        assert set(re.findall(r"\x1b\[(?:1;)?(\d+)[HG]", sent)) <= {"21", "22", "23"}
        assert "\x1b[1;2" in sent
        assert len(sent) < len(update.render_segments(screen.app.console))


def test_what_could_steer_a_terminal_is_not_sent_wherever_it_was_drawn() -> None:
    evil = Strip([Segment("a\x1b]0;b\x07\n\u202e\x9b5mc"), Segment("日\t本", Style(link="x\x1b\\\x1b]0;y\x07"))])
    sent = Repaint([(0, 0, evil)]).render_segments(Console(color_system="truecolor"))
    assert re.sub(r"\x1b\[[0-9;]*[Hm]|\x1b\]8;[^\x1b\x07]*\x1b\\", "", sent) == "a]0;b5mc日本"
    assert [cell_len(text) == cell_len(harmless(text)) for text, _, _ in evil] == [True, True]
    assert harmless("é 日本\u00a0▇") == "é 日本\u00a0▇"


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
    for name, value in (("EVERYTHING", 0.01), ("LATEST", 0.01), ("PILED", 0)):
        monkeypatch.setattr(f"gradtop.tui.framework.garbage.{name}", value)

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
        gc.freeze()  # as tests/conftest.py does, what is imported
        gc.enable()


Grid = dict[tuple[int, int], tuple[str, frozenset[str]]]  # what stands in a cell, and in which style


def drawn(sequences: str) -> Grid:
    """What a terminal makes of the sequences."""
    grid: Grid = {}
    row = column = 0
    style: dict[str, str] = {}
    for move, along, sgr, character in re.findall("\x1b\\[(\\d+;\\d+)H|\x1b\\[(\\d+)G|(\x1b\\[[\\d;]*m)|([^\x1b])", sequences):
        if move:
            row, column = (int(number) - 1 for number in move.split(";"))
        elif along:
            column = int(along) - 1
        elif sgr:
            take(style, sgr[2:-1])
        elif character == "\n":
            row, column = row + 1, 0
        else:
            kept = frozenset(code for kind, code in style.items() if code not in {"39", "49"} and (character != " " or kind == "background"))
            grid[row, column] = (character, kept)
            column += cell_len(character)
    return grid


def take(style: dict[str, str], parameters: str) -> None:
    codes = parameters.split(";")
    while codes:
        code = codes.pop(0)
        if code in {"", "0"}:
            style.clear()
        elif code in {"38", "48"}:
            count = 4 if codes[0] == "2" else 2
            style["foreground" if code == "38" else "background"] = ";".join(codes[:count])
            del codes[:count]
        elif code[:-1] in {"3", "9", "4", "10"}:
            style["foreground" if code[:-1] in {"3", "9"} else "background"] = code
        else:
            style[code] = code


async def test_a_frame_in_fewer_bytes_is_the_same_frame(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        console, compositor = screen.app.console, screen.app.screen._compositor
        whole = compositor.render_full_update()
        sent, theirs = Repaint.of(whole).render_segments(console), whole.render_segments(console)
        assert drawn(sent) == drawn(theirs)
        assert len(sent) < 0.7 * len(theirs)


def test_cells_that_lie_apart_are_written_one_style_after_another() -> None:
    console = Console(color_system="truecolor")
    styles = [Style(color="#6cb6ff", bgcolor="#0d1117"), Style(color="#8b98a8", bgcolor="#0d1117"), Style(color="#d7dde5", bgcolor="#0d1117", bold=True)]
    pieces = [
        (y, x, Strip([Segment("5", styles[x % 3]), Segment("  ", styles[0]), Segment("日", styles[2])])) for y in range(20) for x in (10, 50, 90)
    ]
    in_rows, scattered = (Repaint(pieces, scattered=scattered).render_segments(console) for scattered in (False, True))
    assert drawn(scattered) == drawn(in_rows)
    assert len(scattered) < 0.6 * len(in_rows)


async def test_a_part_of_the_screen_is_rendered_as_all_of_it_would_be_also_under_a_toast(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        screen.app.notify("something to read")
        await screen.shows("something to read")
        console, compositor = screen.app.console, screen.app.screen._compositor
        whole = drawn(compositor.render_full_update().render_segments(console))
        for regions in ({Region(0, 0, 5, 1), Region(3, 7, 80, 2), Region(110, 30, 10, 10)}, {Region(59, 3, 4, 20)}, {Region(-2, 39, 500, 9)}):
            compositor._dirty_regions.update(regions)
            update = compositor.render_partial_update()
            assert update is not None
            part = drawn(Repaint.of(update).render_segments(console))
            assert part.keys() == {(y, x) for y, x in whole if any(region.contains(x, y) for region in regions)}
            assert part == {place: whole[place] for place in part}
        assert compositor.render_partial_update() is None


async def test_news_is_painted_where_it_arrives_not_some_wake_ups_later(
    tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grower = training
    async with piloted(tmp_path, run, interval=60) as screen:
        await screen.shows("● training")
        await screen.pilot.pause()
        sizes: list[int] = []
        monkeypatch.setattr(screen.app, "_display", lambda _on, what: sizes.append(cells(what)))
        grower.grow(7)
        screen.app._polling = False
        screen.app.poll.tick()
        screen.mode.receive(screen.app.snapshot)
        assert [size for size in sizes if size]
        assert not screen.mode._dirty_widgets


async def test_what_is_drawn_after_a_layout_counts_as_drawn_for_its_snapshot(
    tmp_path: Path, training: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grower = training
    async with piloted(tmp_path, run) as screen:
        await screen.shows("● training")
        await screen.pilot.pause()
        counted: list[int] = []

        def display(_on: object, what: object) -> None:
            screen.app.written += 100 * (what is not None)

        monkeypatch.setattr(screen.app, "_display", display)
        monkeypatch.setattr(screen.app.poll, "spend", lambda _seconds, written: counted.append(written))
        grower.status("failed", error="a sentence that takes a line of the screen")
        await screen.shows("a sentence that takes a line")
        await screen.until(lambda: any(counted), "the bytes of the frame")
