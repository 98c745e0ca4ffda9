"""The random number generators that training may draw from, as one part of a checkpoint."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.named_tuple import NamedTuple


class Generators:
    """Those of Python, torch, NumPy where it is imported, and CUDA; their state is one of types that load with weights_only."""

    def __init__(self) -> None:
        self._held: _Drawn | None = None

    def hold(self) -> None:
        """Until `release`, give the state of now: a resume begins anew what is under way."""
        self._held = _drawn()

    def release(self) -> None:
        self._held = None

    def put_back(self) -> None:
        """Continue from the state that is held, whatever was drawn since."""
        if self._held is not None:
            restore_random_states(_as_saved(self._held))
        self.release()

    def state_dict(self) -> dict[str, Any]:
        return random_states() if self._held is None else _as_saved(self._held)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        restore_random_states(state)


class _Drawn(NamedTuple):
    """States as their owners give them: a small model evaluates so often that lists of them are made for a checkpoint alone."""

    python: Any
    torch: Tensor
    numpy: Any
    cuda: list[Tensor] | None


def random_states() -> dict[str, Any]:
    return _as_saved(_drawn())


def _drawn() -> _Drawn:
    numpy = sys.modules.get("numpy")
    return _Drawn(
        random.getstate(),
        torch.get_rng_state(),
        numpy.random.get_state() if numpy else None,
        torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None,
    )


def _as_saved(drawn: _Drawn) -> dict[str, Any]:
    version, words, gauss = drawn.python
    states: dict[str, Any] = {"python": [version, list(words), gauss], "torch": drawn.torch}
    if drawn.numpy is not None:
        kind, keys, position, has_gauss, cached = drawn.numpy
        states["numpy"] = [kind, keys.tolist(), position, has_gauss, cached]
    if drawn.cuda is not None:
        states["cuda"] = drawn.cuda
    return states


def restore_random_states(states: Mapping[str, Any]) -> None:
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    torch.set_rng_state(states["torch"])
    if "numpy" in states and (numpy := sys.modules.get("numpy")):
        kind, keys, position, has_gauss, cached = states["numpy"]
        numpy.random.set_state((kind, numpy.array(keys, dtype=numpy.uint32), position, has_gauss, cached))
    if "cuda" in states and torch.cuda.is_initialized():
        # A run may come back on a machine with fewer devices.
        for device, state in zip(range(torch.cuda.device_count()), states["cuda"], strict=False):
            torch.cuda.set_rng_state(state, device)
