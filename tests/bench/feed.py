"""A run that goes on under the eyes of a screen: what a worker writes, through the worker's own writer."""

from __future__ import annotations

import math
import os
import random
import time

from gradtop.trainer.record import Column, Run, SegmentWriter, StreamWriter, read_status
from gradtop.trainer.record.status import process_start
from gradtop.trainer.record.streams.registry import (
    CLIPPED,
    GRAD_NORM,
    HISTOGRAMS,
    LAYERS,
    LOSS,
    LR,
    SAMPLES_PER_S,
    STEPS,
    bins,
    columns_of,
    of_parameter,
)
from tests.bench.sandbox import Sandbox
from tests.bench.terminal import Terminal
from tests.tui.fake_model import BINS, PARAMETERS, layer_table
from tests.tui.runs_fixture import fake_run

BEATS = 0.5
MOVED = 20  # weights that are in another bin at the next measurement
MEASURES = 4.0  # histograms a second of the parameter that is looked at
TOGETHER = 0.02  # what is due within so many seconds is written at once
ENDLESS = 100_000  # epochs: no benchmark comes to the end of them
KEPT_OF_OLD = 16  # of an old run's measurements of the layers one in so many is left


class Feed:
    """A hundred values a step: those of the step, the rest of the parameters. `advance` writes what is due by the clock.

    A run of many `steps` at the start has their whole history, as after hours of training.
    """

    def __init__(self, sandbox: Sandbox, *, values: int = 100, steps: int = 100) -> None:
        begin = min(steps, 100)
        self.run, grower = fake_run(sandbox.runs, "quick-heron", steps=begin, created=time.time() - steps, epochs=ENDLESS)
        grower.close()
        self.step = begin
        self._begin = steps
        self._chance = random.Random(0)
        self._values = values - len(columns_of(STEPS))
        names = [name for name, _kind, _shape in PARAMETERS]
        layers = [of_parameter(column.name, name) for name in names for column in columns_of(LAYERS)]
        layers += [of_parameter(GRAD_NORM, f"more.{number}") for number in range(self._values - len(layers))]
        self._counts = [round(10 * math.exp(-0.5 * ((number - BINS / 2) / 10) ** 2) * (1 + self._chance.random())) for number in range(BINS)]
        self._columns = [Column(name) for name in layers]
        self._write_history(steps)
        self._writer = StreamWriter(self.run)
        self._writer.open(STEPS, first_step=steps + 1)
        self._writer.open(LAYERS, self._columns, first_step=steps + 1, extra=layer_table())
        self._writer.open(HISTOGRAMS, [*columns_of(HISTOGRAMS), *map(Column, bins(BINS))], first_step=steps + 1, extra={"parameters": names})
        self._status = read_status(self.run)._replace(pid=os.getpid(), pid_started=process_start(os.getpid()))
        self._next_beat = self._next_measure = 0.0

    def _write_history(self, steps: int) -> None:
        """The steps before those that are fed, a hundredth of a second each."""
        if self.step >= steps:
            return
        now = time.time()
        loss = SegmentWriter(self.run, STEPS, columns_of(STEPS), first_step=self.step + 1)
        layers = SegmentWriter(self.run, LAYERS, self._columns, first_step=self.step + 1, extra=layer_table())
        for step in range(self.step + 1, steps + 1):
            taken = now - (steps - step) / 100
            loss.append(step, taken, self._of_step(step))
            if step % KEPT_OF_OLD == 0:
                layers.append(step, taken, self._of_layers())
        loss.close()
        layers.close()
        self.step = steps

    def loss(self, step: int) -> float:
        """Falls as a loss does; for a hundred steps three digits tell each from the one before."""
        return 1.0 + 3.0 * math.exp(-max(0, step - self._begin) / 150)

    def take_step(self) -> None:
        """The next step, and what a worker measures of it for a screen that is open."""
        self.step += 1
        now = time.time()
        self._writer.put(STEPS, self.step, now, self._of_step(self.step))
        self._writer.put(LAYERS, self.step, now, self._of_layers())
        if time.monotonic() >= self._next_measure:
            self._next_measure = time.monotonic() + 1 / MEASURES
            self._measure()

    def _of_step(self, step: int) -> tuple[float, ...]:
        known = {LOSS: self.loss(step), LR: 1e-3, GRAD_NORM: 2.0 + self._chance.random(), CLIPPED: 0.0, SAMPLES_PER_S: 12_400.0}
        return tuple(known.get(column.name, math.nan) for column in columns_of(STEPS))

    def _of_layers(self) -> list[float]:
        factor = 1.0 + 0.3 * self._chance.random()
        return [factor * (1.0 + 0.001 * (number % 7)) for number in range(self._values)]

    def _measure(self) -> None:
        """The weights have moved a little: some are in the next bin."""
        for _ in range(MOVED):
            start = self._chance.randrange(1, BINS - 1)
            if self._counts[start]:
                self._counts[start] -= 1
                self._counts[start + self._chance.choice((-1, 1))] += 1
        centre, spread = 0.001 * self._chance.random(), 0.1 + 1e-4 * self._chance.random()
        low, high, count = centre - 3 * spread, centre + 3 * spread, float(sum(self._counts))
        self._writer.put(HISTOGRAMS, self.step, time.time(), [0.0, low, high, centre, spread, low, high, 0.0, count, *self._counts])

    def beat(self) -> None:
        """The heartbeat, twice a second."""
        now = time.time()
        self._next_beat = time.monotonic() + BEATS
        self._status = self._status._replace(step=self.step, seconds=float(self.step), updated=now, loss=self.loss(self.step))
        self._writer.status(self._status)

    def advance(self, terminal: Terminal, seconds: float, *, every: float = 0.0) -> None:
        """Let the run go on for so long, with a step every so many seconds (0: with none), and the screen draw."""
        begin = time.monotonic()
        next_step = begin if every else math.inf
        while (now := time.monotonic()) < begin + seconds:
            while next_step <= now:
                self.take_step()
                next_step += every
            if now >= self._next_beat:
                self.beat()
            due = min(max(next_step, now + TOGETHER), self._next_beat, begin + seconds)
            terminal.read(due - time.monotonic())

    def close(self) -> Run:
        self._writer.close()
        return self.run
