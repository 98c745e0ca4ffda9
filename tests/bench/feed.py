"""A run that goes on under the eyes of a screen: what a worker writes, through the worker's own writer."""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace

from gradtop.trainer.record import Column, Run, StreamWriter, read_status
from gradtop.trainer.record.status import process_start
from tests.bench.place import Place
from tests.bench.terminal import Terminal
from tests.tui.runs_fixture import PARAMETERS, fake_run, layer_table

BEATS = 0.5
STEPS = (Column("loss"), Column("lr"), Column("grad_norm", sparse=True), Column("clipped", sparse=True), Column("samples_per_s", "1/s"))


class Feed:
    """A hundred values a step: five of the step, the rest of the parameters. `go_on` writes what is due by the clock."""

    def __init__(self, place: Place, *, values: int = 100, steps: int = 100) -> None:
        self.run, grower = fake_run(place.runs, "quick-heron", steps=steps, created=time.time() - steps)
        grower.close()
        self.step = self._begin = steps
        self._values = values - len(STEPS)
        names = [name for name, _kind, _shape in PARAMETERS]
        columns = [f"{what}/{name}" for name in names for what in ("grad_norm", "weight_norm")]
        columns += [f"grad_norm/more.{number}" for number in range(self._values - len(columns))]
        self._writer = StreamWriter(self.run)
        self._writer.open("steps", STEPS, first_step=steps)
        self._writer.open("layers", [Column(name) for name in columns], first_step=steps, extra=layer_table())
        self._status = replace(read_status(self.run), pid=os.getpid(), pid_started=process_start(os.getpid()))
        self._next_beat = 0.0
        self.written: dict[int, float] = {}

    def loss(self, step: int) -> float:
        """Falls as a loss does; for a hundred steps three digits tell each from the one before."""
        return 1.0 + 3.0 * math.exp(-(step - self._begin) / 150)

    def take_step(self) -> None:
        self.step += 1
        now = time.time()
        self.written[self.step] = time.monotonic()
        self._writer.put("steps", self.step, now, (self.loss(self.step), 1e-3, 2.0, 0.0, 12_400.0))
        self._writer.put("layers", self.step, now, [1.0 + 0.001 * (self.step % 7)] * self._values)

    def beat(self) -> None:
        """The heartbeat, twice a second."""
        now = time.time()
        self._next_beat = time.monotonic() + BEATS
        self._status = replace(self._status, step=self.step, updated=now, loss=self.loss(self.step))
        self._writer.status(self._status)

    def go_on(self, terminal: Terminal, seconds: float, *, every: float = 0.0) -> None:
        """Let the run go on for so long, with a step every so many seconds (0: with none), and the screen draw."""
        begin = time.monotonic()
        next_step = begin if every else float("inf")
        while (now := time.monotonic()) < begin + seconds:
            if now >= next_step:
                self.take_step()
                next_step += every
            if now >= self._next_beat:
                self.beat()
            terminal.read(min(next_step, self._next_beat, begin + seconds) - now)

    def close(self) -> Run:
        self._writer.close()
        return self.run
