"""The random number generators that training may draw from, as one part of a checkpoint."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

import torch


class Generators:
    """Those of Python, torch, NumPy where it is imported, and CUDA; their state is one of types that load with weights_only."""

    def __init__(self) -> None:
        self._held: dict[str, Any] | None = None

    def hold(self) -> None:
        """Until `release`, give the state of now: a resume begins anew what is under way."""
        self._held = random_states()

    def release(self) -> None:
        self._held = None

    def put_back(self) -> None:
        """Continue from the state that is held, whatever was drawn since."""
        if self._held is not None:
            restore_random_states(self._held)
        self.release()

    def state_dict(self) -> dict[str, Any]:
        return self._held or random_states()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        restore_random_states(state)


def random_states() -> dict[str, Any]:
    version, words, gauss = random.getstate()
    states: dict[str, Any] = {"python": [version, list(words), gauss], "torch": torch.get_rng_state()}
    if numpy := sys.modules.get("numpy"):
        kind, keys, position, has_gauss, cached = numpy.random.get_state()
        states["numpy"] = [kind, keys.tolist(), position, has_gauss, cached]
    if torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
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
