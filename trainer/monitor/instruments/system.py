"""What the run takes of the machine: processor, memory, and the GPU that trains."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import torch

from gradtop.trainer.monitor.instruments.instrument import Instrument, Setup
from gradtop.trainer.record.streams.registry import (
    GPU_MEMORY,
    GPU_MEMORY_TOTAL,
    GPU_POWER,
    GPU_TEMPERATURE,
    GPU_USE,
    SYSTEM,
)

EVERY = 1.0  # seconds
GPU = (GPU_USE, GPU_MEMORY, GPU_MEMORY_TOTAL, GPU_POWER, GPU_TEMPERATURE)


class System(Instrument):
    """Samples once a second, in a thread of its own, on each rank; costs the training nothing that could be metered."""

    stream = SYSTEM
    always = True

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system", daemon=True)

    def begin(self) -> None:
        """Start the thread; it opens the stream when it knows which figures the GPU does not report."""
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _work(self) -> None:
        setup = self.setup
        gpu = GpuReader(setup.device)
        gpu.read()  # to find out what it does not report
        self.unavailable.update(gpu.unavailable)
        self.open(setup.first_step)
        if gpu.expected:
            self.report(gpu.unavailable, setup.first_step - 1)
        process = psutil.Process()
        process.cpu_percent()  # the first call only starts the count
        while not self._end.wait(EVERY):
            with contextlib.suppress(psutil.Error, OSError):
                used = (process.cpu_percent(), float(process.memory_info().rss))
                setup.writer.put(SYSTEM, setup.step(), time.time(), (*used, *gpu.read()))


class GpuReader:
    """Reads the figures of an NVIDIA GPU through NVML; NaN for those it does not report.

    `unavailable` has the reason for each column that `read` could not get; `expected` whether the device should have such figures.
    """

    def __init__(self, device: torch.device) -> None:
        self.unavailable: dict[str, str] = {}
        self.expected = device.type == "cuda"
        self._nvml: Any = None
        self._handle: Any = None
        if not self.expected:
            self.unavailable = dict.fromkeys(GPU, f"the run trains on {device.type}, not on an NVIDIA GPU")
            return
        try:
            import pynvml

            pynvml.nvmlInit()
            self._handle = _handle(pynvml, device)
            self._nvml = pynvml
        except Exception as error:  # noqa: BLE001 - no driver, no library, no permission, each in its own way
            self.unavailable = dict.fromkeys(GPU, f"NVML does not work here ({error})")

    def read(self) -> tuple[float, ...]:
        """Values of the columns `GPU`."""
        nvml, handle = self._nvml, self._handle
        if nvml is None:
            return (math.nan,) * len(GPU)
        return (
            self._try(GPU_USE, lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            self._try(GPU_MEMORY, lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used),
            self._try(GPU_MEMORY_TOTAL, lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total),
            self._try(GPU_POWER, lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
            self._try(GPU_TEMPERATURE, lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        )

    def _try(self, column: str, read: Callable[[], Any]) -> float:
        try:
            return float(read())
        except Exception as error:  # noqa: BLE001 - each figure is missing on some GPU or driver, each in its own way
            self.unavailable.setdefault(column, f"NVML: {error}")
            return math.nan


def _handle(nvml: Any, device: torch.device) -> Any:
    """By identity: CUDA_VISIBLE_DEVICES renumbers what NVML counts in the order of the bus."""
    properties: Any = torch.cuda.get_device_properties(device)
    with contextlib.suppress(nvml.NVMLError, AttributeError):
        return nvml.nvmlDeviceGetHandleByUUID(f"GPU-{properties.uuid}")
    bus = f"{properties.pci_domain_id:08x}:{properties.pci_bus_id:02x}:{properties.pci_device_id:02x}.0"
    return nvml.nvmlDeviceGetHandleByPciBusId(bus)
