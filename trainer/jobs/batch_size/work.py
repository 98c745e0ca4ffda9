"""Measures one batch size after the other, each in a process of its own, and records what they take. Imports no torch."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

from gradtop.trainer.analysis.formatting import size as size_of
from gradtop.trainer.config import Config
from gradtop.trainer.jobs.batch_size.config import Settings
from gradtop.trainer.jobs.batch_size.result import ENDED, FIELDS, read_sizes
from gradtop.trainer.jobs.batch_size.search import MeasuredSize, estimate, fast_enough, next_size
from gradtop.trainer.launch.answers import ProcessEnded
from gradtop.trainer.record import EventKind, RunReader
from gradtop.trainer.record.streams.registry import BATCH_SIZES
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import read_job_config
from gradtop.trainer.trials.sweep_job import SweepJob


def start(context: RunContext) -> None:
    """Measure until the largest batch size is known, and the noise scale. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    BatchSizeSearch(context, config, settings).run_to_the_end()


class BatchSizeSearch(SweepJob[Settings]):
    """`step` sizes are measured, of about `steps`."""

    job, ended, fields = "batch_size", ENDED, FIELDS
    longest = 1800.0  # one measurement may compile the model
    no_checkpoint = "a batch-size search writes no checkpoint: what it has measured is recorded already"
    no_change = "a batch-size search cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context, config, settings)
        before = read_sizes(RunReader(context.run)) if context.resume else []
        # Where none could be trained, all are tried again.
        self._sizes: list[MeasuredSize] = before if any(each.fits for each in before) else []
        found = context.progress.status.result if self._sizes else {}
        self._about: dict[str, Any] = {name: found[name] for name in ("memory_free", "samples") if name in found}
        self._noise: dict[str, object] = {}
        self._during = ""  # what the last size was tried in
        self._killed: ProcessEnded | None = None  # how the process of the last size ended
        context.writer.open(BATCH_SIZES, first_step=len(self._sizes) + 1)

    @property
    def step(self) -> int:
        return len(self._sizes)

    def measure_all(self) -> None:
        """Raises UserError where not even the smallest batch size can be trained."""
        while (size := self._next()) is not None:
            self._add(size, self._measure(size))
        if not any(each.fits for each in self._sizes) and self._killed is not None:
            likely = "memory may have run out: use a smaller model or training.precision=bf16" if self._killed.signal == signal.SIGKILL else f"look for what crashes there, and then: gradtop resume {recorded(self._context.run)}"
            raise UserError(f"no batch size could be measured, not even 1: {self._killed}; {likely}")
        if not any(each.fits for each in self._sizes):
            of = "an evaluation after" if self._during == "evaluation" else ""
            raise UserError(
                f"not even {f'{of} ' if of else ''}training with a batch size of 1 fits into the memory that may be used ({size_of(self._about.get('memory_free', 0.0))}, "
                f"batch_size.memory = {self._settings.memory:g} of what is free); use a smaller model or training.precision=bf16"
            )
        self._measure_noise()

    def _next(self) -> int | None:
        largest = self._settings.largest or self._about.get("samples", 1 << 40)
        largest = min(largest, self._about.get("samples", largest))
        return next_size({each.batch_size: each.fits for each in self._sizes}, smallest=self._settings.smallest, largest=largest, resolution=self._settings.resolution)

    def _measure(self, size: int) -> dict[str, Any]:
        self._killed = None
        question = {"batch_size": size, "steps": self._settings.steps, "warmup": self._settings.warmup, "memory": self._settings.memory}
        try:
            return self._measuring.answer(question)
        except ProcessEnded as error:
            # Killed by the kernel, most likely for its memory; a size that others fit around says so.
            self._context.writer.event(EventKind.WARNING, step=self.step, message=f"batch size {size}: {error}")
            if not error.signal:
                raise UserError(f"batch size {size}: {error}") from error
            self._killed = error
            return {"fits": False}
        except OSError as error:
            raise UserError(f"batch size {size}: {error}") from error

    def _add(self, size: int, answer: Mapping[str, Any]) -> None:
        if not self._about and "samples" in answer:
            self._about = {"memory_free": answer["free"], "samples": answer["samples"]}
            for kind, fields in answer["notes"]:
                self._context.writer.event(kind, **fields)
            self._context.progress.update(device=answer["device"], threads=answer["threads"], parameters=answer["parameters"])
            if size > answer["samples"]:
                return  # of all samples at once instead
        fits, self._during = bool(answer["fits"]), str(answer.get("during", ""))
        pace = answer["trained"] / len(answer["seconds"]) / median(answer["seconds"]) if fits else math.nan
        measured = MeasuredSize(size, float(answer["memory"]) if fits else math.nan, pace)
        self._sizes.append(measured)
        self._context.writer.put(BATCH_SIZES, self.step, time.time(), (size, measured.memory, pace))
        self._context.progress.update(result=self.result())

    def _measure_noise(self) -> None:
        batches, samples = self._settings.noise_batches, self._about["samples"]
        largest = max(each.batch_size for each in self._sizes if each.fits)
        size = min(self._config.training.batch_size, largest, max(samples // 2, 1))
        if not batches:
            return
        question = {"batch_size": size, "batches": batches, "memory": self._settings.memory}
        try:
            self._noise = {"noise_scale": self._measuring.answer(question).get("noise_scale"), "noise_samples": size * batches}
        except OSError as error:
            self._context.writer.event(EventKind.WARNING, step=self.step, message=f"the gradient noise scale could not be measured: {error}")

    def result(self) -> dict[str, object]:
        """What the sizes so far say."""
        fitting = [each for each in self._sizes if each.fits]
        found: dict[str, object] = {**self._about}
        if not fitting:
            return found
        largest = max(each.batch_size for each in fitting)
        limit = "memory" if len(fitting) < len(self._sizes) else "samples" if largest >= self._about.get("samples", math.inf) else "setting"
        found |= {"largest": largest, "limited_by": limit if self._next() is None else "", "fast_enough": fast_enough(self._sizes)}
        if line := estimate(fitting):
            found |= {"memory_fixed": line.fixed, "memory_per_sample": line.per_sample, "estimate": line.largest(self._about["memory_free"])}
        return found | self._noise

    @property
    def steps(self) -> int:
        """Sizes up to the largest that may be tried, by doubling; what a bisection takes beside that is not known before."""
        if self._next() is None:
            return self.step
        top = self._settings.largest or self._about.get("samples", self._settings.smallest)
        doublings = math.ceil(math.log2(max(top / self._settings.smallest, 1))) + 1
        return max(doublings, self.step + 1)
