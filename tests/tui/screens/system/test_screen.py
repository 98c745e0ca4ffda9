from __future__ import annotations

from pathlib import Path

from gradtop.tui.screens.system.screen import System
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run
from tests.tui.screens.system.machine import GPU, run_with


async def test_on_a_cpu_no_pane_is_empty(runs: Path, tmp_path: Path) -> None:
    async with piloted(tmp_path, run_with(runs), mode="system") as screen:
        await screen.shows("380 % of 400 %")
        shown = screen.shown()
        assert [title for title in ("this run", "its host", "monitoring", "samples per second", "memory, GiB") if f"─ {title} ─" not in shown] == []
        assert "GPU" not in shown
        assert "not an NVIDIA GPU" not in shown


async def test_on_a_gpu_its_panes_are_there_and_one_fills_the_screen_by_a_key(runs: Path, tmp_path: Path) -> None:
    run = run_with(runs, device="cuda:0", extra={"gpu_name": "NVIDIA H100"}, values=GPU)
    async with piloted(tmp_path, run, mode="system") as screen:
        await screen.shows("NVIDIA H100")
        await screen.shows("power cap, software thermal slowdown")
        await screen.shows("GPU use, %")
        await screen.press("down", "enter")
        await screen.until(lambda: "samples per second" in screen.shown().splitlines()[2], "one chart alone")
        await screen.press("escape")
        await screen.shows("NVIDIA H100")


async def test_in_a_small_terminal_tab_turns_the_page(runs: Path, tmp_path: Path) -> None:
    async with piloted(tmp_path, run_with(runs), mode="system", size=(80, 24)) as screen:
        await screen.shows("its host")
        assert "memory, GiB" not in screen.shown()
        await screen.press("tab", "tab")
        await screen.shows("memory, GiB")
        assert isinstance(screen.mode, System)


async def test_a_run_that_recorded_nothing_of_its_system_says_so(runs: Path, tmp_path: Path) -> None:
    run = run_with(runs)
    for file in run.streams.glob("system.*"):
        file.unlink()
    async with piloted(tmp_path, run, mode="system") as screen:
        await screen.shows("no measurement yet")


async def test_of_an_ended_run_that_recorded_nothing_of_its_host_no_pane_holds_a_name_alone(runs: Path, tmp_path: Path) -> None:
    run, grower = fake_run(runs, "amber-finch", state="done", steps=200)
    grower.close()
    for file in run.streams.glob("system.*"):
        file.unlink()
    async with piloted(tmp_path, run, mode="system") as screen:
        await screen.shows("─ this run ─")
        await screen.until(lambda: "its host" not in screen.shown(), "no pane of its host")
        assert "─ monitoring ─" not in screen.shown()
