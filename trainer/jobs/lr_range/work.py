"""Trains while the learning rate grows, and says which learning rates the losses suggest. Writes no weights."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.lr_range.config import Settings
from gradtop.trainer.jobs.lr_range.result import ENDED
from gradtop.trainer.jobs.lr_range.suggest import Smoothing, learning_rates, suggest
from gradtop.trainer.models.description import describe
from gradtop.trainer.record import RunState
from gradtop.trainer.record.streams.registry import LR_RANGE
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.control import Applied
from gradtop.trainer.runtime.device import explain_out_of_memory, out_of_memory
from gradtop.trainer.runtime.errors import NothingLearned
from gradtop.trainer.runtime.progress import Stopwatch
from gradtop.trainer.training.build import TrainingParts, build_to_measure, read_valid_config
from gradtop.trainer.training.plain_step import update
from gradtop.trainer.training.step import explain_step_error

NO_CHECKPOINT = "a learning-rate range test writes no checkpoint: its weights are of no use after it"
NO_CHANGE = "the hyperparameters of a learning-rate range test cannot be changed live; start another test"


def start(context: RunContext) -> None:
    """Run the test to its last step or to divergence, and record what it suggests, also of one that is stopped before."""
    context.explain = explain_step_error
    config = read_valid_config(context.run)
    settings = config.part("lr_range")
    if not isinstance(settings, Settings):
        raise TypeError(settings)
    parts = build_to_measure(context.run, context.writer, config)
    test = RangeTest(context, config, settings, parts)
    context.explain, context.close = test.explain, test.close
    try:
        test.train()
    finally:
        test.conclude()


class RangeTest:
    """One test: `step` of `settings.steps` are done. It obeys pause and stop, and refuses checkpoints and changes."""

    def __init__(self, context: RunContext, config: Config, settings: Settings, parts: TrainingParts) -> None:
        self.step = 0
        self._context, self._config, self._settings, self._parts = context, config, settings, parts
        self._lrs: list[float] = []
        self._losses: list[float] = []  # smoothed
        self._diverged = False
        self._samples = self._skipped = 0
        self._stopwatch = Stopwatch()
        self._loss: float | None = None
        self._base = [float(group["lr"]) for group in parts.optimizer.param_groups]
        context.writer.open(LR_RANGE, first_step=1)
        context.progress.gauges = self.gauges

    def train(self) -> None:
        """Raises Stop when asked to end before, NothingLearned where no step has changed the weights."""
        context, settings, model = self._context, self._settings, self._parts.model
        self._stopwatch.go()
        context.progress.update(
            state=RunState.TRAINING,
            device=str(self._parts.device),
            model=self._config.model.kind,
            parameters=describe(model).total,
            threads=torch.get_num_threads(),
        )
        smoothing, best, groups = Smoothing(settings.smoothing), math.inf, self._groups()
        for lr in learning_rates(settings.start, settings.end, settings.steps):
            if context.control.due():
                context.control.obey(self)
            self._loss = self._train_step(next(groups), lr)
            smoothed = smoothing.add(self._loss)
            best = min(best, smoothed)
            self.step += 1
            self._lrs.append(lr)
            self._losses.append(smoothed)
            context.writer.put(LR_RANGE, self.step, time.time(), (lr, self._loss, smoothed))
            if not math.isfinite(smoothed) or smoothed > settings.divergence * best:
                self._diverged = True
                break
        if 0 < self._skipped == self.step:
            raise NothingLearned(self._skipped)

    def _groups(self) -> Iterator[Sequence[tuple[Tensor, Tensor]]]:
        """The batches of one optimizer step after the other, over as many epochs as it takes."""
        accumulate, epoch = self._config.training.accumulate, 0
        while True:
            batches = self._parts.batches.epoch(epoch, skip=0)
            while group := tuple(islice(batches, accumulate)):
                yield group
            epoch += 1

    def _train_step(self, group: Sequence[tuple[Tensor, Tensor]], lr: float) -> float:
        """The loss before the step; one that is not finite changes no weights."""
        compute, optimizer, training = self._parts.compute, self._parts.optimizer, self._config.training
        for each, base in zip(optimizer.param_groups, self._base, strict=True):
            each["lr"] = base * lr / self._config.optimizer.lr
        optimizer.zero_grad(set_to_none=True)
        loss = compute.backward(group, self.step * training.accumulate).item()
        self._samples += sum(len(targets) for _, targets in group)
        if not math.isfinite(loss):
            return loss
        self._skipped += update(self._parts, training)
        return loss

    def conclude(self) -> None:
        """Record what the losses so far suggest."""
        self._stopwatch.halt()
        found = {each.method: each.lr for each in suggest(self._lrs, self._losses, self._settings.steps)}
        result = {"suggestions": found, "diverged_at": self._lrs[-1] if self._diverged else None}
        if self._losses:
            self._context.writer.event(ENDED, step=self.step, steps=self._settings.steps, **result)
        self._context.progress.update(result=result)

    # What control asks for

    def pause(self) -> None:
        self._stopwatch.halt()
        self._context.progress.update(state=RunState.PAUSED)

    def unpause(self) -> None:
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING)

    def checkpoint_now(self) -> str:
        raise ValueError(NO_CHECKPOINT)

    def set_live(self, changes: Mapping[str, object], *, confirmed: bool = True) -> Applied:  # noqa: ARG002 - it takes none
        raise ValueError(NO_CHANGE)

    # What a person sees, and how it ends

    def gauges(self) -> dict[str, object]:
        """What changes from step to step, for the status; called from the heartbeat's thread."""
        seconds = self._stopwatch.seconds
        return {
            "step": self.step,
            "steps": self._settings.steps,
            "skipped_steps": self._skipped,
            "seconds": seconds,
            "loss": self._loss,
            "lr": self._lrs[-1] if self._lrs else None,
            "samples_per_s": self._samples / seconds if seconds > 0 else 0.0,
        }

    def explain(self, error: Exception) -> str:
        if out_of_memory(error):
            return explain_out_of_memory(str(self._parts.device), self._config.training.batch_size)
        return explain_step_error(error)

    def close(self, *, at_once: bool) -> None:  # noqa: ARG002 - nothing takes time
        self._stopwatch.halt()
