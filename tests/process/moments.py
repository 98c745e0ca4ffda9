"""Code of a user's own project that acts at one moment of a training, once: a signal to its process, or an exit."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from torch import Tensor, nn


class Acting(nn.Module):
    """A linear classifier of images. `fuse` is a file that is there once it has acted."""

    def __init__(self, moment: str, action: str, fuse: str, features: int, classes: int) -> None:
        super().__init__()
        self.moment, self.action, self.fuse = moment, action, Path(fuse)
        self.linear = nn.Linear(features, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            self.act("evaluation")
        return self.linear(inputs.flatten(1))  # type: ignore[no-any-return]

    def get_extra_state(self) -> int:
        self.act("checkpoint")
        return 0

    def set_extra_state(self, state: int) -> None:
        """It has none."""

    def act(self, moment: str) -> None:
        # Without a gradient it is only looked at, before the first step.
        if moment == self.moment and self.linear.weight.grad is not None and not self.fuse.exists():
            self.fuse.touch()
            act(self.action)


def act(action: str) -> None:
    match action:
        case "sys.exit":
            sys.exit("no such mode")
        case "KeyboardInterrupt":
            raise KeyboardInterrupt
        case "os._exit":
            os._exit(3)
        case "SIGTERM to the group":
            # As a compiler would die of it, and torch say so.
            os.kill(os.getpid(), signal.SIGTERM)
            raise RuntimeError("C++ compile error")
        case name:
            os.kill(os.getpid(), signal.Signals[name])


def acting(moment: str, action: str, fuse: str, channels: int, size: int, classes: int) -> nn.Module:
    return Acting(moment, action, fuse, channels * size * size, classes)


class Resting(nn.Module):
    """A linear classifier of images that lets the processor rest: for a test that waits for something else than steps."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)
        self._never = threading.Event()

    def forward(self, inputs: Tensor) -> Tensor:
        self._never.wait(0.003)
        return self.linear(inputs.flatten(1))  # type: ignore[no-any-return]


def resting(channels: int, size: int, classes: int) -> nn.Module:
    return Resting(channels * size * size, classes)
