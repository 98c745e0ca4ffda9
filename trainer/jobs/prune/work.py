"""Measures one method with one amount after the other, each in a process of its own, and has one of them written. Imports no torch."""

from __future__ import annotations

import time

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.prune.config import Settings
from gradtop.trainer.jobs.prune.result import (
    ENDED,
    FIELDS,
    LAYER_NAMES,
    PruneAbout,
    prune_result,
    pruned_layer_rows,
    read_prune_trials,
    trial_row,
)
from gradtop.trainer.jobs.prune.trial import FIGURES, WHOLE, PruneTrial, amounts_left, choice_text
from gradtop.trainer.launch.answers import ProcessEnded
from gradtop.trainer.launch.measuring import Measuring
from gradtop.trainer.record import EventKind, RunReader, RunState
from gradtop.trainer.record.streams.registry import AMOUNT, METHOD, PRUNING, PRUNING_LAYERS
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import MeasuringJob, read_job_config

JOB_NAME = "prune"
LONGEST = 6 * 3600.0  # seconds of one measurement


def start(context: RunContext) -> None:
    """Measure every method with every amount. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    Sweep(context, config, settings).run_to_the_end()


class Sweep(MeasuringJob):
    """`step` measurements are done, of `steps`."""

    no_checkpoint = "a pruning run writes the checkpoint that is chosen: gradtop prune RUN --write AMOUNT"
    no_change = "a pruning run cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context)
        self._config, self._settings = config, settings
        self._trials: list[PruneTrial] = []
        self._about = PruneAbout()
        self._measuring = Measuring(context, JOB_NAME, self, seconds=LONGEST)
        context.progress.gauges = self.gauges

    @property
    def step(self) -> int:
        return len(self._trials)

    @property
    def _remaining(self) -> list[tuple[str, float]]:
        return amounts_left(self._trials, self._settings.methods, self._settings.amounts)

    def run(self) -> None:
        """Raises UserError where the checkpoint cannot be opened or evaluated, or not be written at the end."""
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING, model=self._config.model.kind)
        self._begin()
        while left := self._remaining:
            self._add(self._measure(*left[0]))
        if self._settings.write and not RunReader(self._context.run).checkpoints():
            self._write()

    def _begin(self) -> None:
        """Ask what can be pruned, and take up what was measured before."""
        try:
            about = self._measuring.answer({})
        except OSError as error:
            raise UserError(str(error)) from error
        writer = self._context.writer
        best = self._config.training.best
        self._about = PruneAbout(best.name, best.mode, about["batch"], about["output"], tuple((name, weights) for name, weights in about["prunable"]))
        if self._context.resume:
            self._trials = read_prune_trials(RunReader(self._context.run))
        else:
            for note in about["notes"]:
                writer.event(EventKind.WARNING, message=note)
        writer.open(PRUNING_LAYERS, first_step=self.step + 1, extra={LAYER_NAMES: [name for name, _ in self._about.layers]})
        writer.open(PRUNING, first_step=self.step + 1)
        self._context.progress.update(device=about["device"], threads=about["threads"], parameters=about["parameters"], result=self._result())

    def _result(self) -> dict[str, object]:
        return prune_result(self._trials, self._about)

    def _measure(self, method: str, amount: float) -> PruneTrial:
        try:
            answer = self._measuring.answer({METHOD: method, AMOUNT: amount})
        except OSError as error:
            if method == WHOLE or (isinstance(error, ProcessEnded) and not error.signal):
                raise UserError(f"{choice_text(method, amount)}: {error}") from error
            self._context.writer.event(EventKind.WARNING, step=self.step, message=f"{choice_text(method, amount)}: {error}")
            return PruneTrial(method, amount, error=str(error) or type(error).__name__)
        return PruneTrial(method, amount, tuple(float(answer[name]) for name in FIGURES), tuple(answer["layers"]))

    def _add(self, trial: PruneTrial) -> None:
        self._trials.append(trial)
        writer, now = self._context.writer, time.time()
        # The record that counts comes last.
        self._context.progress.update(result=self._result())
        writer.put_many(PRUNING_LAYERS, pruned_layer_rows(trial, self.step, now))
        writer.flush()
        writer.put_many(PRUNING, [trial_row(trial, self._settings.methods, self.step, now)])

    def _write(self) -> None:
        try:
            self._measuring.answer({"write": self._settings.write})
        except OSError as error:
            raise UserError(str(error)) from error

    def conclude(self) -> None:
        """Record what was found, also by a sweep that is stopped before its end."""
        self._stopwatch.halt()
        if self._trials:
            result = self._result()
            self._context.writer.event(ENDED, step=self.step, **{name: result[name] for name in FIELDS})
            self._context.progress.update(result=result)

    def gauges(self) -> dict[str, object]:
        """What changes from one measurement to the next, for the status; called from the heartbeat's thread."""
        return {"step": self.step, "steps": self.step + len(self._remaining), "seconds": self._stopwatch.seconds}
