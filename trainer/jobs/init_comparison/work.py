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
from gradtop.trainer.trials.sweep_job import ListedSweep


def start(context: RunContext) -> None:
    """Measure every initialization with every seed. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    InitComparison(context, config, settings).run_to_the_end()


class InitComparison(ListedSweep[Settings, tuple[str, int], InitTrial]):
    job, ended, fields = "init_comparison", ENDED, FIELDS
    nothing = "no initialization could be measured"
    no_checkpoint = "a comparison of initializations writes no checkpoint: what it has measured is recorded already"
    no_change = "a comparison of initializations cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context, config, settings)
        self._seeds = range(config.training.seed, config.training.seed + settings.seeds)
        self._layers: Sequence[str] = ()

    def remaining(self) -> Sequence[tuple[str, int]]:
        return trials_left(self._trials, self._settings.kinds, self._seeds)

    def begin(self) -> None:
        """Ask for the weights that an initialization draws. Raises UserError where the model or the data do not work, whatever the initialization."""
        about = self.require({})
        writer = self._context.writer
        if self._context.resume:
            self.take_up(read_init_trials(RunReader(self._context.run)))
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
        self._layers = about["weights"]

    def measure(self, choice: tuple[str, int]) -> InitTrial:
        init, seed = choice
        answer = self.attempt({INIT: init, SEED: seed, "weights": self._layers, "first_steps": self._settings.steps}, init)
        if isinstance(answer, str):
            return InitTrial(init, seed, (), error=answer)
        return InitTrial(init, seed, tuple(answer["losses"]), tuple(map(layer_scale, self._layers, answer["scales"])))

    def result(self) -> dict[str, object]:
        return init_result(self._trials, self._settings.kinds)

    def record(self, trial: InitTrial) -> None:
        """Last its losses, whose last one makes it complete."""
        self._context.progress.update(result=self.result())
        writer, now, place = self._context.writer, time.time(), self._settings.kinds.index(trial.init)
        writer.put_many(INIT_LAYERS, layer_rows(trial, place, self.step, now))
        writer.flush()
        writer.put_many(INIT_LOSSES, loss_rows(trial, place, self.step, now))
