"""Random numbers of their own for code of the user's that runs in the training process."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class OwnRandomness:
    """What torch, random and numpy draw in its blocks depends on its seed alone, and those of the training do not notice."""

    def __init__(self, seed: int) -> None:
        self._state: Any = None
        self._seed = seed

    @contextmanager
    def __call__(self) -> Iterator[None]:
        outside = _states()
        if self._state is None:
            seed_all(self._seed)
        else:
            _restore(self._state)
        try:
            yield
        finally:
            self._state = _states()
            _restore(outside)


def seed_all(seed: int) -> None:
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)


def _states() -> tuple[Any, Any, Any]:
    numpy = sys.modules.get("numpy")
    return torch.default_generator.get_state(), random.getstate(), numpy.random.get_state() if numpy else None


def _restore(states: tuple[Any, Any, Any]) -> None:
    torch.default_generator.set_state(states[0])
    random.setstate(states[1])
    if states[2] is not None:
        sys.modules["numpy"].random.set_state(states[2])
