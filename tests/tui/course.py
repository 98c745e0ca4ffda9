"""The figures of a training that never took place, as the records of a run have them: seeded, and without a file."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tests.tui.fake_model import BINS, MODULES, PARAMETERS, planned

STREAMS = ("steps", "evals", "layers", "activations", "histograms", "system")
NAN = math.nan


class Epoch(NamedTuple):
    """What is known when an epoch has ended after so many steps; `loss` is that of the training."""

    ended: int
    loss: float
    val_loss: float
    val_accuracy: float


class Row(NamedTuple):
    """What is recorded of a step once so many have ended."""

    step: int
    ended: int
    values: Sequence[float]


class Course:
    """Goes on step by step; keeps what each stream has to record, and the epochs that ended, until they are taken."""

    def __init__(self, steps: int, per_epoch: int, lr: float, seed: int, vanishing: str) -> None:
        self.steps, self.per_epoch, self.lr, self.vanishing = steps, per_epoch, lr, vanishing
        self.step = 0
        self.random = random.Random(seed)
        self.rows: dict[str, list[Row]] = {stream: [] for stream in STREAMS}
        self.epochs: list[Epoch] = []

    def copy(self) -> Course:
        copy = Course.__new__(Course)
        copy.__dict__.update(self.__dict__)
        copy.random = random.Random()
        copy.random.setstate(self.random.getstate())
        copy.rows = {stream: list(rows) for stream, rows in self.rows.items()}
        copy.epochs = list(self.epochs)
        return copy

    def go_on(self, steps: int, loss: float | None = None) -> None:
        """By so many steps; `loss` replaces the value of the last one."""
        for index in range(steps):
            self._one(loss if index == steps - 1 else None)

    def _add(self, stream: str, step: int, values: Sequence[float]) -> None:
        self.rows[stream].append(Row(step, self.step, values))

    def _one(self, loss: float | None) -> None:
        t, noise = self.step / self.steps, self.random.gauss
        level = 2.3 * math.exp(-9 * t) + 0.06 + 0.05 * (1 - t)
        value = level * math.exp(noise(0, 0.18)) if loss is None else loss
        norm = (1.1 + 9 * math.exp(-14 * t)) * math.exp(noise(0, 0.22))
        measured = self.step % 2 == 0
        clipped = (1.0 if norm > 5 else 0.0) if measured else NAN
        self._add("steps", self.step, [value, planned(self.step, self.steps, self.lr), norm if measured else NAN, clipped, 12400 + noise(0, 90), NAN, NAN])
        if self.step % 10 == 0:
            row = []
            for depth, (name, _kind, shape) in enumerate(PARAMETERS):
                scale = math.exp(-0.25 * depth) * (0.4 if name.endswith("bias") else 1.0)
                scale *= 1e-6 * math.exp(-6 * t) if name == self.vanishing else 1.0
                row += [norm * scale * math.exp(noise(0, 0.15)), math.sqrt(math.prod(shape)) * (0.08 + 0.05 * t)]
            self._add("layers", self.step, row)
            outputs = [figure for _, kind in MODULES for figure in ((0.5 + 0.2 * t, 0.01) if kind == "ReLU" else (0.8 + 0.4 * t,))]
            self._add("activations", self.step, outputs)
        if self.step % 100 == 0:
            for index in range(len(PARAMETERS)):
                self._add("histograms", self.step, self._histogram(index, t))
        if self.step % 40 == 0:
            self._add("system", self.step, [96 + noise(0, 2), 412e6 + 1e4 * self.step, NAN, NAN, NAN, NAN, NAN])
        self.step += 1
        if self.step % self.per_epoch == 0:
            epoch = self.step // self.per_epoch
            val, accuracy = level * 1.1 + 0.01 + abs(noise(0, 0.01)), 1 - 0.9 * math.exp(-0.9 * epoch) - 0.012
            self._add("evals", self.step - 1, [epoch, val, accuracy])
            self.epochs.append(Epoch(self.step, level, val, accuracy))

    def _histogram(self, index: int, t: float) -> list[float]:
        _name, _kind, shape = PARAMETERS[index]
        spread, mean = 0.05 + 0.06 * t, 0.01 * t * (index % 3 - 1)
        low, high = mean - 4 * spread, mean + 4 * spread
        centres = [low + (high - low) * (b + 0.5) / BINS for b in range(BINS)]
        weights = [math.exp(-0.5 * ((c - mean) / spread) ** 2) * (1 + 0.15 * self.random.random()) for c in centres]
        total, whole = math.prod(shape), sum(weights)
        counts = [round(total * w / whole) for w in weights]
        return [index, low, high, mean, spread, low, high, 0.0, total, *counts]


@lru_cache(64)
def _begun(taken: int, steps: int, per_epoch: int, lr: float, seed: int, vanishing: str) -> Course:
    course = Course(steps, per_epoch, lr, seed, vanishing)
    course.go_on(taken)
    return course


def begun(taken: int, of: Course, seed: int) -> Course:
    """What becomes of a course that has not begun after so many steps: the runs of most tests begin alike."""
    return _begun(taken, of.steps, of.per_epoch, of.lr, seed, of.vanishing).copy()
