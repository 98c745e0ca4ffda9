"""The profile page: of a run that trains, of one that has ended, and of a run that is a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run, append_event
from gradtop.trainer.record.profiles import summary_path
from gradtop.tui.launching import LaunchingApp
from tests.tui.piloting import Piloted, Starts, piloted
from tests.tui.profile_fixture import profile, profile_run, put_profile
from tests.tui.runs_fixture import fake_run, living_run

NOTE = "4 of 10 steps were profiled, as the run ended"


def lines(screen: Piloted) -> list[str]:
    return [" ".join(line.strip(" │").split()) for line in screen.shown().splitlines()]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_phases_operators_and_modules_are_shown_the_most_expensive_first(tmp_path: Path, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, profile_run(tmp_path / "runs"), size=size) as screen:
        await screen.shows("aten::addmm")
        assert screen.app.current_mode == "profile"
        shown = screen.shown()
        for words in ("steps 24 to 33 on cpu, 2 threads", "19.0 ms a step, 1.38 × that while profiled", "m shows modules", "profiles/step-000024.trace.json.gz"):
            assert words in shown
        found = lines(screen)
        bars = {line.split()[0]: line.count("▆") for line in found if any(line.startswith(name) for name in ("loading", "forward", "backward", "optimizer"))}
        assert bars["backward"] > bars["forward"] > bars["optimizer"] > bars["loading"] > 0
        assert any(line.startswith("backward") and line.endswith("53 % 10 ms 14 ms") for line in found)
        names = [line.split()[0] for line in found if line.startswith("aten::")][:5]
        assert names == ["aten::convolution_backward", "aten::mkldnn_convolution", "aten::addmm", "aten::copy_", "aten::convolution"]
        await screen.press("m")
        await screen.shows("(model)")
        assert [line.split()[0] for line in lines(screen) if "block" in line] == ["block1.conv", "block2.conv"]
        await screen.press("tab")
        await screen.shows("aten::addmm")


async def test_rows_are_sorted_by_a_column_and_filtered(tmp_path: Path) -> None:
    async with piloted(tmp_path, profile_run(tmp_path / "runs")) as screen:
        await screen.shows("aten::addmm")
        await screen.press(">")  # the total
        await screen.until(lambda: [line.split()[0] for line in lines(screen) if line.startswith("aten::")][2] == "aten::mkldnn_convolution", "the order by total")
        await screen.press("slash", *"convolution", "enter")
        await screen.until(lambda: "aten::addmm" not in screen.shown(), "the filter")
        assert sum(line.startswith("aten::") for line in lines(screen)) >= 3


async def test_older_profiles_of_a_run_are_a_key_away_and_y_copies_the_path_of_the_trace(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", state="done", steps=400)
    grower.close()
    for place, step in enumerate((20, 143)):
        put_profile(run, profile(step, notes=(NOTE,) if step == 20 else ()), at=place)
    async with piloted(tmp_path, run) as screen:
        await screen.press("F")
        await screen.shows("steps 143 to 152")
        assert "profile 2 of 2" in screen.shown()
        assert screen.mode.check_action("older", (-1,)) is None
        await screen.press("[")
        await screen.shows("steps 20 to 29")
        await screen.shows(NOTE)
        assert "profile 1 of 2" in screen.shown()
        assert screen.mode.copied() == (str(run.profiles / "step-000020.trace.json.gz"), "the path of the trace")
        await screen.press("[", "[")
        assert "steps 20 to 29" in screen.shown()
        await screen.press("]")
        await screen.shows("steps 143 to 152")


async def test_of_a_gpu_the_time_of_kernels_counts(tmp_path: Path) -> None:
    async with piloted(tmp_path, profile_run(tmp_path / "runs", found=profile(device=True))) as screen:
        await screen.shows("self device")
        assert "on NVIDIA H100   " in screen.shown()
        assert "on device" in screen.shown()
        first = next(line for line in lines(screen) if line.startswith("aten::"))
        assert "12 ms 12.5 ms 3 ms" in first


async def test_p_profiles_the_next_steps_of_a_run_that_trains_and_shows_how_far_it_is(tmp_path: Path) -> None:
    run, grower = living_run(tmp_path / "runs")
    async with piloted(tmp_path, run) as screen:
        await screen.until(lambda: screen.snapshot.facts.run is not None, "the run")
        await screen.press("p")
        await screen.until(lambda: screen.app.current_mode == "profiles", "the page")
        await screen.until(lambda: list(run.control.glob("*.json")), "the command")
        await screen.shows("p profiles its next steps")
        step = screen.snapshot.facts.status.step
        append_event(run, "command", id="x", command="profile", ok=True, step=step, steps=10, first=step + 12, last=step + 21)
        await screen.shows(f"timing steps, then profiling steps {step + 12} to {step + 21}: at step {step}")
        put_profile(run, profile(step + 12))
        await screen.shows("aten::addmm")
        append_event(run, "profile", step=step, reason="another profiler is active in this process; end it first")
        await screen.shows("no profile: another profiler is active")
        assert "aten::addmm" in screen.shown()  # the one before
    grower.close()


async def test_a_paused_run_says_that_its_profile_waits(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", state="paused", steps=40)
    append_event(run, "command", id="x", command="profile", ok=True, step=40, steps=10, first=52, last=61)
    async with piloted(tmp_path, run, mode="profiles") as screen:
        await screen.shows("steps 52 to 61 will be profiled when the run continues")
    grower.close()


async def test_p_on_a_run_that_has_ended_starts_a_profile_of_its_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, grower = fake_run(tmp_path / "runs", state="done", steps=400)
    grower.close()
    starts = Starts()
    asked: list[object] = []

    def start(app: LaunchingApp, of: Run) -> Run:
        asked.append((app.launcher, of))
        return of

    monkeypatch.setattr(LaunchingApp, "start_profile", start)
    async with piloted(tmp_path, run, mode="profiles", launcher=starts) as screen:
        await screen.shows("p takes one of its configuration, in a run of its own")
        await screen.press("p")
        await screen.until(lambda: asked, "the start")
        assert asked == [(starts, run)]


async def test_a_summary_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    run = profile_run(tmp_path / "runs")
    summary_path(run, 24).write_text("{")
    async with piloted(tmp_path, run) as screen:
        await screen.shows("step-000024.json cannot be read: it is not JSON")


async def test_a_run_that_waits_cannot_be_profiled(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", state="queued", steps=0)
    grower.close()
    async with piloted(tmp_path, run) as screen:
        await screen.until(lambda: screen.snapshot.facts.run is not None, "the run")
        assert screen.app.check_action("profile", ()) is None
        await screen.press("p")
        assert screen.app.current_mode == "overview"
