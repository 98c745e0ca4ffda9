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
from gradtop.trainer.record import EventKind, RunReader
from gradtop.trainer.record.streams.registry import INIT, INIT_LAYERS, INIT_LOSSES, SEED
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.training.measuring_job import read_job_config
from gradtop.trainer.trials.sweep_job import SweepJob


def start(context: RunContext) -> None:
    """Measure every initialization with every seed. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    InitComparison(context, config, settings).run_to_the_end()


class InitComparison(SweepJob[Settings]):
    job, ended, fields = "init_comparison", ENDED, FIELDS
    no_checkpoint = "a comparison of initializations writes no checkpoint: what it has measured is recorded already"
    no_change = "a comparison of initializations cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context, config, settings)
        self._seeds = range(config.training.seed, config.training.seed + settings.seeds)
        self._trials: list[InitTrial] = []

    @property
    def step(self) -> int:
        return len(self._trials)

    @property
    def steps(self) -> int:
        return self.step + len(self._remaining)

    @property
    def _remaining(self) -> Sequence[tuple[str, int]]:
        return trials_left(self._trials, self._settings.kinds, self._seeds)

    def measure_all(self) -> None:
        """Raises UserError where the model or the data do not work, whatever the initialization."""
        layers = self._begin()
        while left := self._remaining:
            self._measure(*left[0], layers)

    def _begin(self) -> Sequence[str]:
        """Ask for the weights that an initialization draws, and take up what was measured before."""
        about = self.require({})
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
        answer = self.attempt(question, init)
        if isinstance(answer, str):
            trial = InitTrial(init, seed, (), error=answer)
        else:
            trial = InitTrial(init, seed, tuple(answer["losses"]), tuple(map(layer_scale, layers, answer["scales"])))
        self._trials = [*self._trials, trial]
        self._context.progress.update(result=self.result())
        self._record(trial)

    def result(self) -> dict[str, object]:
        return init_result(self._trials, self._settings.kinds)

    def _record(self, trial: InitTrial) -> None:
        """Last its losses, whose last one makes it complete."""
        writer, now, place = self._context.writer, time.time(), self._settings.kinds.index(trial.init)
        writer.put_many(INIT_LAYERS, layer_rows(trial, place, self.step, now))
        writer.flush()
        writer.put_many(INIT_LOSSES, loss_rows(trial, place, self.step, now))
