"""What the system mode reads of a run and of its host."""

from __future__ import annotations

import math
import os
import sys
import types
from pathlib import Path

import psutil
import pytest

from gradtop.trainer.record import Run, RunReader, Status, write_status
from gradtop.tui.reading.chart_view import WHOLE_RUN, ChartView, Window
from gradtop.tui.reading.poll import ReadContext
from gradtop.tui.reading.snapshot import Facts
from gradtop.tui.screens.system.data import SystemPart, read_system
from gradtop.tui.screens.system.host import Cores, free_space, gpu_processes
from gradtop.tui.screens.system.text import gpu_lines, host_lines, merged, monitoring_lines, run_lines
from tests.tui.runs_fixture import NOW
from tests.tui.screens.system.machine import GIB, GPU, run_with


def read(run: Run, view: ChartView = WHOLE_RUN) -> SystemPart:
    source = ReadContext(run.path.parent, lambda: NOW)
    source.run = RunReader(run, clock=lambda: NOW)
    source.run.refresh()
    for stream in ("steps", "system"):
        source.run.stream(stream).refresh()
    return read_system(source, view)


def facts(run: Run) -> Facts:
    reader = RunReader(run, clock=lambda: NOW)
    reader.refresh()
    return Facts(run=run, name="heron", state=reader.state, status=reader.status)


def texts(lines: object) -> list[str]:
    return ["".join(text for text, _tone in line) for line in lines]  # type: ignore[attr-defined]


def test_without_a_run_there_is_nothing(tmp_path: Path) -> None:
    assert read_system(ReadContext(tmp_path, lambda: NOW), WHOLE_RUN) == SystemPart()


def test_what_the_run_and_its_host_use(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    part = read(run)

    assert part.seconds == pytest.approx(0.02)  # the evaluation is no step
    assert part.loading == pytest.approx(0.75)
    assert (part.here, part.has_gpu, part.processes) == (True, False, ())
    assert list(part.series["memory"].mean) == [2.0]  # GiB
    said = "\n".join(texts(run_lines(part, facts(run))))
    assert f"pid {os.getpid()}" in said
    assert "4 CPU threads" in said
    assert "20.0 ms · 3.2k samples/s" in said
    assert "75 % of a step" in said
    assert "150 % of 400 %" in said
    assert "2.0 GiB of 16.0 GiB" in said
    said = "\n".join(texts(host_lines(part, facts(run))))
    assert "380 % of 400 %" in said
    assert "4.8 MiB/s read · 1.0 KiB/s written" in said
    assert "network   this system does not tell: hidden" in said
    assert "for this user on the disk of the run" in said


def test_what_monitoring_costs_against_its_budget(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    costs = {"layers.share": 0.0027, "layers.every": 1.94, "histograms.share": 0.0, "activations.share": 0.0004, "activations.every": 0.25, "layers.nonsense": "x", "evals.share": "inf"}
    write_status(run, Status(state="training", host="elsewhere", updated=NOW, step=40, steps=100, monitoring=costs))  # type: ignore[arg-type]

    said = texts(monitoring_lines(read(run)))

    assert said[0] == " all           0.31 % of the time"
    assert said[1:4] == [" layers        0.27 %  every 1.9 s", " activations   0.04 %  every 250 ms", " histograms    0.00 %  not in the last minute"]
    assert "nothing measured" in texts(monitoring_lines(SystemPart()))[0]


def test_each_core_is_told_from_the_second_look_on(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  9 9 9 9\ncpu0 10 0 10 80 0 0 0 0 5 0\ncpu1 0 0 0 100 0 0 0 0 0 0\nintr 5\n")
    cores = Cores(str(stat))

    assert cores() == ()
    stat.write_text("cpu  9 9 9 9\ncpu0 85 0 10 95 10 0 0 0 70 0\ncpu1 0 0 0 180 20 0 0 0 0 0\nintr 6\n")
    assert cores() == (0.75, 0.0)  # what waits for a disk is idle; guests are in the time of users
    stat.write_text("cpu0 1 0 0 0 0 0 0 0\n")
    assert cores() == ()
    stat.unlink()
    assert cores() == ()


def test_many_cores_are_drawn_as_means_of_neighbours() -> None:
    assert merged([1.0, 0.0, 0.5, 0.5, 1.0], 3) == [0.5, 0.5, 1.0]


def test_a_gpu_with_all_that_it_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    nvml = types.ModuleType("pynvml")
    nvml.nvmlInit = lambda: None  # type: ignore[attr-defined]
    nvml.nvmlDeviceGetHandleByUUID = lambda uuid: asked.append(uuid) or 7  # type: ignore[attr-defined, func-returns-value]
    own = types.SimpleNamespace(pid=os.getpid(), usedGpuMemory=3 * GIB)
    hidden = types.SimpleNamespace(pid=2**22 - 3, usedGpuMemory=None)
    nvml.nvmlDeviceGetComputeRunningProcesses = lambda handle: [hidden, own]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    run = run_with(tmp_path, device="cuda:0", extra={"gpu_name": "NVIDIA H100", "gpu_uuid": "GPU-1"}, values=GPU)

    part = read(run)

    said = texts(gpu_lines(part))
    assert asked == ["GPU-1"]
    assert said[0] == " NVIDIA H100"
    whole = "\n".join(said)
    for words in ("91 %", "41.2 GiB of 79.6 GiB", "30.0 GiB allocated · 38.0 GiB reserved", "612 W of 700 W · 66 °C", "1755 MHz of 1980", "power cap, software thermal slowdown"):
        assert words in whole
    assert f"{os.getpid()} {psutil.Process().name()}" in whole
    assert "3.0 GiB" in whole


def test_why_a_gpu_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", types.ModuleType("pynvml"))
    assert gpu_processes("GPU-1")[0] == ()
    run = run_with(tmp_path, device="cuda:0", extra={"gpu_uuid": "GPU-1", "unavailable": {"gpu_use": "NVML does not work here (no driver)"}})
    said = texts(gpu_lines(read(run)))
    assert said[0] == " NVML does not work here (no driver)"
    assert "nvmlInit" in said[1]


def test_a_window_of_steps(tmp_path: Path) -> None:
    part = read(run_with(tmp_path), ChartView(Window(30.0, 40.0)))
    assert (part.rate.first, part.rate.last) == (30.0, 40.0)


def test_of_another_host_nothing_is_read_here(tmp_path: Path) -> None:
    run = run_with(tmp_path)
    write_status(run, Status(state="training", host="elsewhere", updated=NOW, step=40, steps=100))  # type: ignore[arg-type]
    part = read(run)
    assert (part.here, part.core_use, part.free) == (False, (), None)


def test_the_space_of_a_folder_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert free_space(tmp_path / "none") is None
    assert (free_space(tmp_path) or 0) > 0


@pytest.mark.parametrize("extra", [{"cores": "many", "memory_total": -1, "gpu_name": 5, "gpu_uuid": None}, {"cores": 1e300, "memory_total": "x"}])
def test_nonsense_in_a_stream_is_not_shown(tmp_path: Path, extra: dict[str, object]) -> None:
    run = run_with(tmp_path, extra=extra, values={"cpu": math.inf})
    part = read(run)
    assert (part.cores, part.gpu) == (0, "")
    assert "of" not in "".join(texts(host_lines(part, facts(run)))).replace("of the run", "")
