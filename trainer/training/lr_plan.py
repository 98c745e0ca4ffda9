"""The learning rates that are planned, published for the screens."""

from __future__ import annotations

import threading
import time

from gradtop.trainer.analysis.lr_turns import DECAYS, RECORDED
from gradtop.trainer.config import Config
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.optim.schedules import Span
from gradtop.trainer.record import StreamWriter
from gradtop.trainer.record.streams.registry import PLAN

# The first steps are what a person waits for; and of changes that follow each other, the last one is planned.
_START_AFTER = 0.25


class LrPlan(threading.Thread):
    """Writes the planned learning rate of the steps after `after`, and where it turns, into the stream `plan`."""

    def __init__(self, writer: StreamWriter, config: Config, steps: int, per_epoch: int, *, after: int) -> None:
        super().__init__(name="lr-plan", daemon=True)
        self._writer = writer
        self._schedule, self._optimizer = config.schedule, config.optimizer
        self._steps = steps
        self._per_epoch = per_epoch
        self._after = after
        self._wake = threading.Event()
        self._cancelled = False

    def draws(self, config: Config, steps: int) -> bool:
        """Whether it is the plan of this configuration, of a run of so many steps, too."""
        return (config.schedule, config.optimizer.lr, steps) == (self._schedule, self._optimizer.lr, self._steps)

    def run(self) -> None:
        self._wake.wait(_START_AFTER)
        if self._cancelled:
            return
        points = planned_lr(self._schedule, self._optimizer, total_steps=self._steps, steps_per_epoch=self._per_epoch)
        now = time.time()
        rows = [(step, now, lr) for step, lr in points if step > self._after]
        if rows and not self._cancelled:
            turns = self._schedule.turns_within(Span(self._steps, self._per_epoch))
            self._writer.open(PLAN, first_step=self._after + 1, extra={RECORDED: turns, DECAYS: self._schedule.decays_over})
            self._writer.put_many(PLAN, rows)

    def cancel(self) -> None:
        """Another plan takes its place."""
        self._cancelled = True
        self._wake.set()

    def finish(self, timeout: float) -> None:
        """Have it written now, as far as there is time."""
        self._wake.set()
        self.join(timeout)
        self._cancelled = True


class PublishedPlan:
    """The plan in force; a new one replaces it where a live change makes the learning rates others."""

    def __init__(self, writer: StreamWriter, per_epoch: int) -> None:
        self._writer, self._per_epoch = writer, per_epoch
        self._plan: LrPlan | None = None

    def publish(self, config: Config, steps: int, *, after: int) -> None:
        """Plan the steps after `after`, unless that is what was published last."""
        if self._plan is not None:
            if self._plan.draws(config, steps):
                return
            self._plan.cancel()
        self._plan = LrPlan(self._writer, config, steps, self._per_epoch, after=after)
        self._plan.start()

    def finish(self, timeout: float) -> None:
        """Have it written now, as far as there is time (seconds)."""
        if self._plan is not None:
            self._plan.finish(timeout)
