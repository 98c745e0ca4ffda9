"""Trains while the learning rate, or something else, grows, and says which values the losses suggest. Writes no weights."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.lr_range.config import Settings
from gradtop.trainer.jobs.lr_range.ranged import median_suggestions
from gradtop.trainer.jobs.lr_range.result import ENDED, TOLD
from gradtop.trainer.jobs.lr_range.suggest import Smoothing
from gradtop.trainer.models.description import describe
from gradtop.trainer.record import RunState
from gradtop.trainer.record.streams.registry import LR_RANGE
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.device import explain_out_of_memory, out_of_memory
from gradtop.trainer.runtime.errors import NothingLearned, UserError
from gradtop.trainer.training.build import build_to_measure, read_valid_config
from gradtop.trainer.training.measuring_job import MeasuringJob, job_settings
from gradtop.trainer.training.plain_step import update
from gradtop.trainer.training.step import Batch, explain_step_error
from gradtop.trainer.training.trial_steps import Notes, batch_groups


def start(context: RunContext) -> None:
    """Run the test to its last step or to divergence, once for each seed, and record what it suggests, also of one that is stopped before."""
    context.explain = explain_step_error
    config = read_valid_config(context.run)
    test = RangeTest(context, config, job_settings(config, Settings))
    context.explain, context.close = test.explain, test.close
    try:
        test.train()
    finally:
        test.conclude()


@dataclass(slots=True)
class SeedCurve:
    """What one seed has given: the values and the smoothed losses at them."""

    seed: int
    values: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    diverged: bool = False


class RangeTest(MeasuringJob):
    """One test: `step` of `steps` are done."""

    no_checkpoint = "a learning-rate range test writes no checkpoint: its weights are of no use after it"
    no_change = "the hyperparameters of a learning-rate range test cannot be changed live; start another test"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context)
        self.step = 0
        self.steps = settings.steps * settings.seeds
        self._config, self._settings = config, settings
        self._values = settings.ranged.values(*settings.span, settings.steps)
        self._curves: list[SeedCurve] = []
        self._samples = self._skipped = self._trained = 0
        self._loss: float | None = None
        self._parts = build_to_measure(context.run, context.writer, config)
        context.writer.open(LR_RANGE, first_step=1)
        context.progress.gauges = self.gauges

    def train(self) -> None:
        """Raises Stop when asked to end before, NothingLearned where no step has changed the weights, UserError where none could."""
        context, config = self._context, self._config
        self._stopwatch.go()
        context.progress.update(
            state=RunState.TRAINING,
            device=str(self._parts.device),
            model=config.model.kind,
            parameters=describe(self._parts.model).total,
            threads=torch.get_num_threads(),
        )
        for place in range(self._settings.seeds):
            seed = config.training.seed + place
            self.step = place * self._settings.steps
            if place:
                again = config.model_copy(update={"training": config.training.model_copy(update={"seed": seed})})
                del self._parts  # a large model has no room twice
                # What is to be told of the model and the data has been told.
                self._parts = build_to_measure(context.run, Notes(), again)
            self._base = [float(group["lr"]) for group in self._parts.optimizer.param_groups]
            self._curves.append(SeedCurve(seed))
            self._train_seed(self._curves[-1])
        if 0 < self._skipped == self._trained:
            raise NothingLearned(self._skipped)
        if all(len(curve.losses) == 1 and not math.isfinite(curve.losses[0]) for curve in self._curves):
            raise UserError(
                f"the loss is not finite ({self._curves[0].losses[0]}) at the first step{' of each seed' if len(self._curves) > 1 else ''}, before any value of the range has changed the weights: "
                "look at the inputs and at the initial outputs of the model"
            )

    def _train_seed(self, curve: SeedCurve) -> None:
        context, settings = self._context, self._settings
        smoothing, best, groups = Smoothing(settings.smoothing), math.inf, batch_groups(self._parts, self._config.training.accumulate)
        for value in self._values:
            if context.control.due():
                context.control.obey(self)
            self._loss = self._train_step(next(groups), value, len(curve.values))
            smoothed = smoothing.add(self._loss)
            best = min(best, smoothed)
            self.step += 1
            self._trained += 1
            curve.values.append(value)
            curve.losses.append(smoothed)
            context.writer.put(LR_RANGE, self.step, time.time(), (self._lr(value), self._loss, smoothed, value, curve.seed))
            if not math.isfinite(smoothed) or smoothed > settings.divergence * best:
                curve.diverged = True
                break

    def _train_step(self, group: Sequence[Batch], value: float, done: int) -> float:
        """The loss before the step, after so many of the same seed, which decide how images are varied; one that is not finite changes no weights."""
        compute, optimizer, training = self._parts.compute, self._parts.optimizer, self._config.training
        self._set(value)
        optimizer.zero_grad(set_to_none=True)
        loss = compute.backward(group, done * training.accumulate).item()
        self._samples += sum(len(targets) for _, targets in group)
        if not math.isfinite(loss):
            return loss
        self._skipped += update(self._parts, training)
        return loss

    def _set(self, value: float) -> None:
        groups, over = self._parts.optimizer.param_groups, self._settings.over
        if over == "lr":
            for group, base in zip(groups, self._base, strict=True):
                group["lr"] = base * value / self._config.optimizer.lr
            return
        # Muon has both, and momentum is that of its own matrices.
        of_betas = over == "momentum" and not hasattr(self._config.optimizer, over)
        for group in groups:
            if of_betas:
                group["betas"] = (value, group["betas"][1])
            elif over in group and not (over == "weight_decay" and group.get("decays") is False):
                group[over] = value

    def _lr(self, value: float) -> float:
        return value if self._settings.over == "lr" else self._config.optimizer.lr

    def conclude(self) -> None:
        """Record what the losses so far suggest."""
        self._stopwatch.halt()
        ranged, curves = self._settings.ranged, self._curves
        found = [ranged.suggest(curve.values, curve.losses, self._settings.steps) for curve in curves]
        diverged = [curve.values[-1] if curve.diverged else None for curve in curves]
        suggestions, spread = median_suggestions(found, ranged)
        result: dict[str, object] = {
            "over": self._settings.over,
            "suggestions": suggestions,
            "falls_at_end": 2 * sum(ranged.falls_at_end(curve.values, curve.losses, self._settings.steps) for curve in curves) > len(curves),
            "diverged_at": min((each for each in diverged if each is not None), default=None),
        }
        if self._trained:
            self._context.writer.event(ENDED, step=self.step, steps=self.steps, **{name: result[name] for name in TOLD})
        if len(curves) > 1:
            each = zip(curves, found, diverged, strict=True)
            result["spread"] = spread
            result["seeds"] = [{"seed": curve.seed, "suggestions": of_seed, "diverged_at": at} for curve, of_seed, at in each]
        self._context.progress.update(result=result)

    def gauges(self) -> dict[str, object]:
        """What changes from step to step, for the status; called from the heartbeat's thread."""
        seconds = self._stopwatch.seconds
        return {
            "step": self.step,
            "steps": self.steps,
            "skipped_steps": self._skipped,
            "seconds": seconds,
            "loss": self._loss,
            "lr": self._lr(self._curves[-1].values[-1]) if self._trained else None,
            "samples_per_s": self._samples / seconds if seconds > 0 else 0.0,
        }

    def explain(self, error: Exception) -> str:
        if out_of_memory(error):
            return explain_out_of_memory(str(self._parts.device), self._config.training.batch_size)
        return explain_step_error(error)
