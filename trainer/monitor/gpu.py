"""What NVML and PyTorch tell about the GPU that trains."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import torch

from gradtop.trainer.record.streams.registry import (
    GPU_CLOCK,
    GPU_CLOCK_MAX,
    GPU_MEMORY,
    GPU_MEMORY_TOTAL,
    GPU_POWER,
    GPU_POWER_LIMIT,
    GPU_TEMPERATURE,
    GPU_THROTTLE,
    GPU_USE,
    TORCH_ALLOCATED,
    TORCH_RESERVED,
)

OF_NVML = (
    GPU_USE, GPU_MEMORY, GPU_MEMORY_TOTAL, GPU_POWER, GPU_TEMPERATURE, GPU_POWER_LIMIT, GPU_CLOCK, GPU_CLOCK_MAX, GPU_THROTTLE,
)  # fmt: skip
GPU = (*OF_NVML, TORCH_ALLOCATED, TORCH_RESERVED)


class GpuReader:
    """Reads the figures of an NVIDIA GPU through NVML; NaN for those it does not report.

    `unavailable` has the reason for each column that `read` could not get; `expected` whether the device should have such figures;
    `name` and `uuid` are NVML's, "" where it does not tell.
    """

    def __init__(self, device: torch.device) -> None:
        self.unavailable: dict[str, str] = {}
        self.expected = device.type == "cuda"
        self.name = self.uuid = ""
        self._device = device
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
            self.name, self.uuid = (_text(read(self._handle)) for read in (pynvml.nvmlDeviceGetName, pynvml.nvmlDeviceGetUUID))
        except Exception as error:  # noqa: BLE001 - no driver, no library, no permission, each in its own way
            if self._nvml is not None:
                return
            self.unavailable = dict.fromkeys(OF_NVML, f"NVML does not work here ({error})")

    def read(self) -> tuple[float, ...]:
        """Values of the columns `GPU`."""
        if not self.expected:
            return (math.nan,) * len(GPU)
        allocator = (
            self._try(TORCH_ALLOCATED, lambda: torch.cuda.memory_allocated(self._device)),
            self._try(TORCH_RESERVED, lambda: torch.cuda.memory_reserved(self._device)),
        )
        nvml, handle = self._nvml, self._handle
        if nvml is None:
            return (*(math.nan,) * len(OF_NVML), *allocator)
        return (
            self._try(GPU_USE, lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            self._try(GPU_MEMORY, lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used),
            self._try(GPU_MEMORY_TOTAL, lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total),
            self._try(GPU_POWER, lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
            self._try(GPU_TEMPERATURE, lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            self._try(GPU_POWER_LIMIT, lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000),
            self._try(GPU_CLOCK, lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            self._try(GPU_CLOCK_MAX, lambda: nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM)),
            self._try(GPU_THROTTLE, lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)),
            *allocator,
        )

    def _try(self, column: str, read: Callable[[], Any]) -> float:
        try:
            return float(read())
        except Exception as error:  # noqa: BLE001 - each figure is missing on some GPU or driver, each in its own way
            source = "PyTorch" if column in {TORCH_ALLOCATED, TORCH_RESERVED} else "NVML"
            self.unavailable.setdefault(column, f"{source}: {error}")
            return math.nan


def _text(value: Any) -> str:
    """Some versions of the binding give bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _handle(nvml: Any, device: torch.device) -> Any:
    """By identity: CUDA_VISIBLE_DEVICES renumbers what NVML counts in the order of the bus."""
    properties: Any = torch.cuda.get_device_properties(device)
    with contextlib.suppress(nvml.NVMLError, AttributeError):
        return nvml.nvmlDeviceGetHandleByUUID(f"GPU-{properties.uuid}")
    bus = f"{properties.pci_domain_id:08x}:{properties.pci_bus_id:02x}:{properties.pci_device_id:02x}.0"
    return nvml.nvmlDeviceGetHandleByPciBusId(bus)
