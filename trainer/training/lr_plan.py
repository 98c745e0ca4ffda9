"""The learning rates that are planned, published for the screens."""

from __future__ import annotations

import threading
import time

from gradtop.trainer.config import Config
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.record import StreamWriter
from gradtop.trainer.record.streams.registry import PLAN

# The first steps are what a person waits for.
_START_AFTER = 0.25


class LrPlan(threading.Thread):
    """Writes the planned learning rate of the steps after `after` into the stream `plan`."""

    def __init__(self, writer: StreamWriter, config: Config, steps: int, per_epoch: int, *, after: int) -> None:
        super().__init__(name="lr-plan", daemon=True)
        self._writer = writer
        self._config = config
        self._steps = steps
        self._per_epoch = per_epoch
        self._after = after
        self._hurry = threading.Event()
        self._cancelled = False

    def run(self) -> None:
        self._hurry.wait(_START_AFTER)
        points = planned_lr(
            self._config.schedule, self._config.optimizer, total_steps=self._steps, steps_per_epoch=self._per_epoch
        )
        now = time.time()
        rows = [(step, now, lr) for step, lr in points if step > self._after]
        if rows and not self._cancelled:
            self._writer.open(PLAN, first_step=self._after + 1)
            self._writer.put_many(PLAN, rows)

    def cancel(self) -> None:
        """Another plan takes its place."""
        self._cancelled = True

    def finish(self, timeout: float) -> None:
        """Have it written now, as far as there is time."""
        self._hurry.set()
        self.join(timeout)
        self._cancelled = True
