"""Measures one initialization with one seed after the other, each in a process of its own. Imports no torch."""

from __future__ import annotations

import time
from collections.abc import Sequence

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.init_comparison.config import Settings
from gradtop.trainer.jobs.init_comparison.result import (
    ENDED,
    FIELDS,
    PARAMETERS,
    init_result,
    layer_columns,
    layer_rows,
    loss_rows,
    read_init_trials,
)
from gradtop.trainer.jobs.init_comparison.summary import InitTrial, layer_scale, trials_left
from gradtop.trainer.launch.answers import ProcessEnded
from gradtop.trainer.launch.measuring import Measuring
from gradtop.trainer.record import EventKind, RunReader, RunState
from gradtop.trainer.record.streams.registry import INIT, INIT_LAYERS, INIT_LOSSES, SEED
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import MeasuringJob, read_job_config

JOB_NAME = "init_comparison"
LONGEST = 6 * 3600.0  # seconds of one measurement


def start(context: RunContext) -> None:
    """Measure every initialization with every seed. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    InitComparison(context, config, settings).run_to_the_end()


class InitComparison(MeasuringJob):
    """`step` measurements are done, of `steps`."""

    no_checkpoint = "a comparison of initializations writes no checkpoint: what it has measured is recorded already"
    no_change = "a comparison of initializations cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context)
        self._config, self._settings = config, settings
        self._seeds = range(config.training.seed, config.training.seed + settings.seeds)
        self._trials: list[InitTrial] = []
        self._measuring = Measuring(context, JOB_NAME, self, seconds=LONGEST)
        context.progress.gauges = self.gauges

    @property
    def step(self) -> int:
        return len(self._trials)

    @property
    def _remaining(self) -> Sequence[tuple[str, int]]:
        return trials_left(self._trials, self._settings.kinds, self._seeds)

    def run(self) -> None:
        """Raises UserError where the model or the data do not work, whatever the initialization."""
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING, model=self._config.model.kind)
        layers = self._begin()
        while left := self._remaining:
            self._measure(*left[0], layers)

    def _begin(self) -> Sequence[str]:
        """Ask for the weights that an initialization draws, and take up what was measured before."""
        try:
            about = self._measuring.answer({})
        except OSError as error:
            raise UserError(str(error)) from error
        writer = self._context.writer
        if self._context.resume:
            self._trials = read_init_trials(RunReader(self._context.run))
        else:
            for kind, fields in about["notes"]:
                writer.event(kind, **fields)
            if self._config.init.pretrained:
                writer.event(EventKind.INIT, message="init.pretrained is left out: its weights would be the same whatever the initialization")
            if about["unseen"]:
                writer.event(EventKind.WARNING, message=about["unseen"])
        writer.open(INIT_LAYERS, layer_columns(about["bins"]), first_step=self.step + 1, extra={PARAMETERS: about["weights"]})
        writer.open(INIT_LOSSES, first_step=self.step + 1)
        self._context.progress.update(device=about["device"], threads=about["threads"], parameters=about["parameters"])
        layers: Sequence[str] = about["weights"]
        return layers

    def _measure(self, init: str, seed: int, layers: Sequence[str]) -> None:
        question = {INIT: init, SEED: seed, "weights": layers, "first_steps": self._settings.steps}
        try:
            answer = self._measuring.answer(question)
            trial = InitTrial(init, seed, tuple(answer["losses"]), tuple(map(layer_scale, layers, answer["scales"])))
        except OSError as error:
            if isinstance(error, ProcessEnded) and not error.signal:
                raise UserError(f"{init}: {error}") from error
            self._context.writer.event(EventKind.WARNING, step=self.step, message=f"{init}: {error}")
            trial = InitTrial(init, seed, (), error=str(error) or type(error).__name__)
        self._trials = [*self._trials, trial]
        self._context.progress.update(result=init_result(self._trials, self._settings.kinds))
        self._record(trial)

    def _record(self, trial: InitTrial) -> None:
        """Last its losses, whose last one makes it complete."""
        writer, now, place = self._context.writer, time.time(), self._settings.kinds.index(trial.init)
        writer.put_many(INIT_LAYERS, layer_rows(trial, place, self.step, now))
        writer.flush()
        writer.put_many(INIT_LOSSES, loss_rows(trial, place, self.step, now))

    def conclude(self) -> None:
        """Record what was found, also by a comparison that is stopped before its end."""
        self._stopwatch.halt()
        if self._trials:
            result = init_result(self._trials, self._settings.kinds)
            self._context.writer.event(ENDED, step=self.step, **{name: result[name] for name in FIELDS})
            self._context.progress.update(result=result)

    def gauges(self) -> dict[str, object]:
        """What changes from one measurement to the next, for the status; called from the heartbeat's thread."""
        return {"step": self.step, "steps": self.step + len(self._remaining), "seconds": self._stopwatch.seconds}
