"""Numbers on their way from the device to the host."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Transfer:
    """Starts a copy that training does not wait for; only `values` waits. The tensor may be written again at once."""

    def __init__(self, tensor: Tensor) -> None:
        self._event: Any = None  # torch.cuda.Event has no types
        self._values: list[Any] | None = None
        if tensor.device.type == "cuda":
            self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._host.copy_(tensor, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record(torch.cuda.current_stream(tensor.device))
        else:
            self._values = tensor.tolist()

    @property
    def ready(self) -> bool:
        return self._event is None or bool(self._event.query())

    def values(self) -> list[Any]:
        """The numbers, nested like the tensor."""
        if self._values is None:
            if self._event is not None:
                self._event.synchronize()
            self._values = self._host.tolist()
        return self._values
