"""What the modes look like, as SVG: the same on every machine and in every time zone. Each was looked at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from gradtop.trainer.record import Run, RunState, list_runs
from gradtop.trainer.record.classification import NEWEST, Classification, Worst, text_of
from gradtop.tui.app import GradtopApp
from gradtop.tui.terminal import Capabilities
from gradtop.tui.ui_state import UiState
from tests.tui.piloting import Starts
from tests.tui.profile_fixture import profile_run
from tests.tui.range_fixture import range_run
from tests.tui.runs_fixture import NOW, fake_run
from tests.tui.screens.system.machine import GPU, run_with
from tests.tui.search_fixture import search_run

SIZES = [(120, 40), (80, 24)]


@pytest.fixture(autouse=True)
def one_time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def app(tmp_path: Path, mode: str, *, state: str = "training", run: Run | None = None, **more: Any) -> GradtopApp:
    """The app on a run that no clock moves, read once before the first frame."""
    if run is None:
        (tmp_path / "runs").mkdir()
        run, _ = fake_run(tmp_path / "runs", state=state, created=NOW - 30.1)
    memory = UiState(tmp_path / "memory.json")
    options: dict[str, Any] = {"clock": lambda: NOW, "monotonic": lambda: 1000.0, "interval": 0.05, "launcher": Starts()} | more
    return GradtopApp(run, tmp_path / "runs", mode=mode, memory=memory, **options)


async def is_read(pilot: Pilot[None]) -> None:
    """Until the mode shows what its run holds, however slow the machine is."""
    while pilot.app.snapshot.part is None or pilot.app.snapshot.facts.report is None:  # type: ignore[attr-defined]
        await pilot.pause(0.01)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("mode", ["overview", "parameters", "gradients", "weights", "schedule", "metrics"])
def test_mode(tmp_path: Path, snap_compare: Any, mode: str, size: tuple[int, int]) -> None:
    assert snap_compare(app(tmp_path, mode), terminal_size=size, run_before=is_read)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_a_range_test(tmp_path: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    shown = app(tmp_path, "overview", run=range_run(tmp_path / "runs"))
    assert snap_compare(shown, terminal_size=size, run_before=is_read)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("keys", [(), ("v",), ("v", "v", "v")], ids=["history", "parallel", "front"])
def test_a_search(tmp_path: Path, snap_compare: Any, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    async def press(pilot: Pilot[None]) -> None:
        await is_read(pilot)
        await pilot.press("j", "j", *keys)
        await pilot.pause()

    assert snap_compare(app(tmp_path, "search", run=search_run(tmp_path / "runs", state=RunState.DONE, objectives=2)), terminal_size=size, run_before=press)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("keys", [(), ("m",)], ids=["operators", "modules"])
def test_a_profile(tmp_path: Path, snap_compare: Any, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    async def press(pilot: Pilot[None]) -> None:
        await is_read(pilot)
        await pilot.press(*keys)
        await pilot.pause()

    assert snap_compare(app(tmp_path, "overview", run=profile_run(tmp_path / "runs")), terminal_size=size, run_before=press)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_classes(tmp_path: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    confused = ((8, 1, 4), (9, 3, 2), (3, 9, 1), (5, 6, 1))
    wrong = [sum(count for label, _, count in confused if label == each) for each in range(10)]
    predicted = [36 - wrong[each] + sum(count for _, taken, count in confused if taken == each) for each in range(10)]
    found = Classification([36] * 10, predicted, [36 - each for each in wrong], confused, (Worst(71, 5.25, 8, 1), Worst(204, 3.5, 9, 3)), step=400, epoch=2)
    shown = app(tmp_path, "classes")
    (run,) = list_runs(tmp_path / "runs")
    (run.path / NEWEST).write_text(text_of(found))
    assert snap_compare(shown, terminal_size=size, run_before=is_read)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_system(tmp_path: Path, snap_compare: Any, device: str, size: tuple[int, int]) -> None:
    extra, values = ({"gpu_name": "NVIDIA H100"}, GPU) if device == "cuda" else ({}, {})
    shown = app(tmp_path, "system", run=run_with(tmp_path / "runs", device=device, elsewhere=True, extra=extra, values=values))
    assert snap_compare(shown, terminal_size=size, run_before=is_read)


def test_a_chart_that_is_read(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview"), terminal_size=(120, 40), press=["left", "left", "left", "left"])


def test_the_help(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview"), terminal_size=(100, 40), press=["question_mark"])


def test_the_light_theme(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview"), terminal_size=(120, 40), press=["ctrl+t"])


def test_sixteen_colours(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview", capabilities=Capabilities(colours=16)), terminal_size=(120, 40))


def test_a_run_that_died(tmp_path: Path, snap_compare: Any) -> None:
    assert snap_compare(app(tmp_path, "overview", state="died"), terminal_size=(80, 24))


async def form_is_there(pilot: Pilot[None]) -> None:
    """The configuration is read in a thread of its own."""
    while getattr(pilot.app.screen_stack[0], "draft", None) is None:
        await pilot.pause(0.01)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_tune_with_a_change(tmp_path: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    async def change(pilot: Pilot[None]) -> None:
        await form_is_there(pilot)
        await pilot.press("enter", "3", "e", "minus", "4", "enter")
        while not pilot.app.drafted.new.x:  # type: ignore[attr-defined]
            await pilot.pause(0.01)
        await pilot.pause()

    assert snap_compare(app(tmp_path, "tune"), terminal_size=size, run_before=change)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("keys", [(), ("m", "down", "x")], ids=["runs", "compare"])
def test_runs(tmp_path: Path, snap_compare: Any, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    found = app(tmp_path, "runs")
    parent, _ = fake_run(tmp_path / "runs", "amber-finch", state="done", steps=400, created=NOW - 4000)
    fake_run(tmp_path / "runs", "tidy-wren", state="stopped", steps=300, created=NOW - 3600, parent=parent, changes=[("optimizer.lr", 1e-3, 3e-4)], lr=3e-4)

    async def press(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await pilot.press(*keys)
        while keys and getattr(pilot.app.screen, "found", None) is None:
            await pilot.pause(0.01)
        await pilot.pause()

    assert snap_compare(found, terminal_size=size, run_before=press)
