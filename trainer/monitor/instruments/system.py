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

from gradtop.trainer.record import StreamWriter
from gradtop.trainer.record.streams.registry import SYSTEM, columns_of

EVERY = 1.0
NOTHING = (math.nan,) * (len(columns_of(SYSTEM)) - 2)  # what a GPU has no figures for

Reading = tuple[float, ...]


class SystemSampler:
    """Writes the stream `system` about once a second from a thread of its own; a machine without NVIDIA leaves gaps.

    100 % of `cpu` is one core. `step` tells where training is.
    """

    def __init__(
        self,
        writer: StreamWriter,
        device: torch.device | None = None,
        *,
        step: Callable[[], int] = lambda: 0,
        first_step: int = 0,
        every: float = EVERY,
        gpu: Callable[[], Reading] | None = None,
    ) -> None:
        self._writer = writer
        self._step = step
        self._first_step = first_step
        self._every = every
        self._device = device
        self._gpu = gpu
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system-sampler", daemon=True)

    def start(self) -> None:
        self._writer.open(SYSTEM, first_step=self._first_step)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _work(self) -> None:
        process = psutil.Process()
        process.cpu_percent()  # the first call only starts the count
        gpu = self._gpu or gpu_reader(self._device)
        while not self._end.wait(self._every):
            with contextlib.suppress(psutil.Error, OSError):
                used = (process.cpu_percent(), float(process.memory_info().rss))
                self._writer.put(SYSTEM, self._step(), time.time(), (*used, *gpu()))


def gpu_reader(device: torch.device | None) -> Callable[[], Reading]:
    """Reads the figures of GPU by GPU's own words; of what cannot be read, NaN."""
    if device is None or device.type != "cuda":
        return lambda: NOTHING
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = _handle(pynvml, device)
    except Exception:  # noqa: BLE001 - no driver, no library, no permission: there is nothing to show
        return lambda: NOTHING

    def read() -> Reading:
        memory = _try(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
        return (
            _number(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            math.nan if memory is None else float(memory.used),
            math.nan if memory is None else float(memory.total),
            _number(lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000),
            _number(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
        )

    return read


def _handle(nvml: Any, device: torch.device) -> Any:
    """By identity: CUDA_VISIBLE_DEVICES renumbers what NVML counts in the order of the bus."""
    properties: Any = torch.cuda.get_device_properties(device)
    with contextlib.suppress(nvml.NVMLError, AttributeError):
        return nvml.nvmlDeviceGetHandleByUUID(f"GPU-{properties.uuid}")
    bus = f"{properties.pci_domain_id:08x}:{properties.pci_bus_id:02x}:{properties.pci_device_id:02x}.0"
    return nvml.nvmlDeviceGetHandleByPciBusId(bus)


def _try(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # noqa: BLE001 - each figure is missing on some GPU or driver, each in its own way
        return None


def _number(read: Callable[[], Any]) -> float:
    value = _try(read)
    return math.nan if value is None else float(value)
