from __future__ import annotations

import json
import math
import sys
import types
from pathlib import Path

import pytest
import torch

from gradtop.trainer.monitor import SystemSampler
from gradtop.trainer.monitor.instruments.system import NOTHING, gpu_reader
from gradtop.trainer.record import Run, StreamReader, StreamWriter, new_run
from tests.monitor.support import table
from tests.support import wait_until

CUDA = torch.device("cuda", 0)


def sample(run: Run, **settings: object) -> None:
    writer = StreamWriter(run)
    sampler = SystemSampler(writer, every=0.01, step=lambda: 7, first_step=5, **settings)  # type: ignore[arg-type]
    sampler.start()

    def records() -> int:
        writer.flush()
        reader = StreamReader(run, "system")
        reader.refresh()
        return sum(1 for _ in reader.rows())

    wait_until(lambda: records() >= 2)
    sampler.close()
    writer.close()


def test_processor_and_memory_of_this_process_are_written(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})

    sample(run)

    system = table(run, "system")
    assert system["step"][0] == 7
    assert all(cpu >= 0 for cpu in system["cpu"])
    assert all(1e7 < memory < 1e12 for memory in system["memory"])
    assert all(math.isnan(use) for use in system["gpu_use"])
    assert json.loads((run.streams / "system.0.json").read_text())["first_step"] == 5


def test_a_gpu_is_read_beside_them(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})

    sample(run, gpu=lambda: (97.0, 4e10, 8e10, 612.5, 61.0))

    system = table(run, "system")
    figures = [system[name][0] for name in ("gpu_use", "gpu_memory", "gpu_memory_total", "gpu_power", "gpu_temperature")]
    assert figures == [97.0, 4e10, 8e10, 612.5, 61.0]


def test_a_sampler_that_was_never_started_closes(tmp_path: Path) -> None:
    writer = StreamWriter(new_run(tmp_path, "", {}))

    SystemSampler(writer).close()

    writer.close()


class NVMLError(Exception):
    pass


def library(**functions: object) -> types.ModuleType:
    """NVML as far as these functions go; what is missing is what this driver does not support."""
    module = types.ModuleType("pynvml")

    def unsupported(*arguments: object) -> object:
        raise NVMLError("Not Supported")

    for name in (
        "nvmlInit", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetHandleByPciBusId", "nvmlDeviceGetMemoryInfo",
        "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetTemperature",
    ):  # fmt: skip
        setattr(module, name, functions.get(name, unsupported))
    module.NVMLError = NVMLError  # type: ignore[attr-defined]
    module.NVML_TEMPERATURE_GPU = 0  # type: ignore[attr-defined]
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
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)

    use, memory, total, power, temperature = gpu_reader(CUDA)()

    assert asked == ["GPU-1234-abcd"]
    assert (use, memory, total, power) == (88.0, 10.0, 20.0, 350.5)
    assert math.isnan(temperature)


def test_a_gpu_without_such_an_identity_is_found_on_the_bus(one_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    nvml = library(nvmlInit=lambda: None, nvmlDeviceGetHandleByPciBusId=asked.append)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)

    reading = gpu_reader(CUDA)()

    assert asked == ["00000000:af:00.0"]
    assert all(math.isnan(value) for value in reading)


def test_without_a_driver_there_are_gaps(one_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library())

    assert gpu_reader(CUDA)() is NOTHING
    assert gpu_reader(torch.device("cpu"))() is NOTHING


@pytest.mark.gpu
def test_a_real_gpu_says_what_it_uses() -> None:
    _, memory, total, _, _ = gpu_reader(CUDA)()

    assert 0 < memory <= total
