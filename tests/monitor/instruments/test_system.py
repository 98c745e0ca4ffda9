from __future__ import annotations

import json
import math
import sys
import types
from pathlib import Path

import psutil
import pytest
import torch

from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.monitor import Monitor, host
from gradtop.trainer.monitor.gpu import GPU, OF_NVML, GpuReader
from gradtop.trainer.monitor.instruments import system
from gradtop.trainer.record import Run, StreamReader, StreamWriter, new_run
from tests.monitor.support import CPU, events, small_model, table
from tests.support import wait_until

CUDA = torch.device("cuda", 0)


def sample(run: Run) -> None:
    """A monitor's sampler, as training begins it after step 4."""
    writer = StreamWriter(run)
    monitor = Monitor(small_model(), MonitorConfig(enabled=False), writer, CPU, first_step=5)
    monitor.begin()

    def records() -> int:
        writer.flush()
        reader = StreamReader(run, "system")
        reader.refresh()
        return sum(1 for _ in reader.rows())

    wait_until(lambda: records() >= 2)
    monitor.close()
    writer.close()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "EVERY", 0.01)


def test_processor_and_memory_of_this_process_are_written_and_why_a_gpu_is_not(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})

    sample(run)

    found = table(run, "system")
    assert found["step"][0] == 4
    assert all(cpu >= 0 for cpu in found["cpu"])
    assert all(1e7 < memory < 1e12 for memory in found["memory"])
    assert all(math.isnan(use) for use in found["gpu_use"])
    schema = json.loads((run.streams / "system.0.json").read_text())
    assert schema["first_step"] == 5
    assert schema["extra"]["cores"] >= 1
    assert 0 < found["host_memory"][0] < schema["extra"]["memory_total"]
    assert all(cpu >= 0 for cpu in found["host_cpu"])
    assert all(rate >= 0 for name in ("disk_read", "net_received") if name not in schema["extra"]["unavailable"] for rate in found[name])
    assert schema["extra"]["unavailable"]["gpu_power"] == "the run trains on cpu, not on an NVIDIA GPU"
    assert events(run, "unavailable") == []


class Figures(GpuReader):
    """A GPU without a sensor of temperature."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.expected, self.unavailable = True, {}

    def read(self) -> tuple[float, ...]:
        self.unavailable["gpu_temperature"] = "NVML: Not Supported"
        return (97.0, 4e10, 8e10, 612.5, math.nan, *[1.0] * (len(GPU) - 5))


def test_a_gpu_is_read_beside_them_and_what_it_does_not_tell_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "GpuReader", Figures)
    run = new_run(tmp_path, "", {})

    sample(run)

    found = table(run, "system")
    assert [found[name][0] for name in ("gpu_use", "gpu_memory", "gpu_memory_total", "gpu_power")] == [97.0, 4e10, 8e10, 612.5]
    (event,) = events(run, "unavailable")
    assert (event["columns"], event["reason"]) == (["gpu_temperature"], "NVML: Not Supported")
    reader = StreamReader(run, "system")
    reader.refresh()
    assert reader.unavailable("gpu_temperature") == "NVML: Not Supported"
    assert reader.unavailable("gpu_power") == ""


def test_a_monitor_whose_training_never_began_closes(tmp_path: Path) -> None:
    writer = StreamWriter(new_run(tmp_path, "", {}))

    Monitor(small_model(), MonitorConfig(enabled=False), writer, CPU, first_step=1).close()

    writer.close()


def test_what_a_host_does_not_tell_is_a_gap_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden() -> object:
        raise PermissionError("hidden")

    monkeypatch.setattr(psutil, "disk_io_counters", lambda: None)
    monkeypatch.setattr(psutil, "net_io_counters", hidden)
    seconds, times = iter([0.0, 2.0]), iter([10.0, 13.0])
    monkeypatch.setattr(host, "busy_seconds", lambda: next(times))
    reader = host.HostReader(clock=lambda: next(seconds))

    found = dict(zip(host.HOST, reader.read(), strict=True))

    assert found["host_cpu"] == 150.0
    assert {name for name, value in found.items() if math.isnan(value)} == set(reader.unavailable) == {"disk_read", "disk_written", "net_received", "net_sent"}
    assert reader.unavailable["net_sent"] == "this system does not tell: hidden"


def test_a_host_is_never_busier_than_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    seconds, times = iter([0.0, 1.0]), iter([10.0, 12.02])
    monkeypatch.setattr(host, "busy_seconds", lambda: next(times))
    assert host.HostReader(clock=lambda: next(seconds)).read()[0] == 200.0


class NVMLError(Exception):
    pass


def library(**functions: object) -> types.ModuleType:
    """NVML as far as these functions go; what is missing is what this driver does not support."""
    module = types.ModuleType("pynvml")

    def unsupported(*arguments: object) -> object:
        raise NVMLError("Not Supported")

    for name in (
        "nvmlInit", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetHandleByPciBusId", "nvmlDeviceGetMemoryInfo",
        "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetTemperature", "nvmlDeviceGetEnforcedPowerLimit",
        "nvmlDeviceGetClockInfo", "nvmlDeviceGetMaxClockInfo", "nvmlDeviceGetCurrentClocksThrottleReasons", "nvmlDeviceGetName", "nvmlDeviceGetUUID",
    ):  # fmt: skip
        setattr(module, name, functions.get(name, unsupported))
    module.NVMLError = NVMLError  # type: ignore[attr-defined]
    module.NVML_TEMPERATURE_GPU, module.NVML_CLOCK_SM = 0, 1  # type: ignore[attr-defined]
    return module


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = types.SimpleNamespace(uuid="1234-abcd", pci_domain_id=0, pci_bus_id=0xAF, pci_device_id=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)


def test_the_gpu_that_trains_is_found_by_its_identity(one_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    nvml = library(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=asked.append,
        nvmlDeviceGetMemoryInfo=lambda handle: types.SimpleNamespace(used=10, total=20),
        nvmlDeviceGetUtilizationRates=lambda handle: types.SimpleNamespace(gpu=88),
        nvmlDeviceGetPowerUsage=lambda handle: 350_500,
        nvmlDeviceGetEnforcedPowerLimit=lambda handle: 700_000,
        nvmlDeviceGetClockInfo=lambda handle, which: 1980 if which == 1 else 0,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: 0x44,
        nvmlDeviceGetName=lambda handle: b"NVIDIA H200",
        nvmlDeviceGetUUID=lambda handle: "GPU-1234-abcd",
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 7)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 9)

    gpu = GpuReader(CUDA)
    found = dict(zip(GPU, gpu.read(), strict=True))

    assert gpu.unavailable == dict.fromkeys(("gpu_temperature", "gpu_clock_max"), "NVML: Not Supported")
    assert (asked, gpu.name, gpu.uuid) == (["GPU-1234-abcd"], "NVIDIA H200", "GPU-1234-abcd")
    known = {name: value for name, value in found.items() if not math.isnan(value)}
    assert known == {
        "gpu_use": 88.0, "gpu_memory": 10.0, "gpu_memory_total": 20.0, "gpu_power": 350.5, "gpu_power_limit": 700.0, "gpu_clock": 1980.0,
        "gpu_throttle": 68.0, "torch_allocated": 7.0, "torch_reserved": 9.0,
    }  # fmt: skip


def test_a_gpu_without_such_an_identity_is_found_on_the_bus(one_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    nvml = library(nvmlInit=lambda: None, nvmlDeviceGetHandleByPciBusId=asked.append)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)

    reading = GpuReader(CUDA).read()[: len(OF_NVML)]

    assert asked == ["00000000:af:00.0"]
    assert all(math.isnan(value) for value in reading)


def test_without_a_driver_there_are_gaps(one_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library())

    gpu = GpuReader(CUDA)
    assert all(math.isnan(value) for value in gpu.read()[: len(OF_NVML)])
    assert set(gpu.unavailable.values()) == {"NVML does not work here (Not Supported)"}


@pytest.mark.gpu
def test_a_real_gpu_says_what_it_uses() -> None:
    gpu = GpuReader(CUDA)
    found = dict(zip(GPU, gpu.read(), strict=True))

    assert gpu.name
    assert gpu.uuid.startswith("GPU-")
    assert 0 < found["gpu_memory"] <= found["gpu_memory_total"]
    assert 0 < found["gpu_clock"] <= found["gpu_clock_max"]
    assert 0 <= found["torch_allocated"] <= found["torch_reserved"]
