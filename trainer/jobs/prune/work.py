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
from gradtop.trainer.record import EventKind, RunReader
from gradtop.trainer.record.streams.registry import AMOUNT, METHOD, PRUNING, PRUNING_LAYERS
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.training.measuring_job import read_job_config
from gradtop.trainer.trials.sweep_job import ListedSweep


def start(context: RunContext) -> None:
    """Measure every method with every amount. On a resume, what was measured before stands."""
    config, settings = read_job_config(context.run, Settings)
    Sweep(context, config, settings).run_to_the_end()


class Sweep(ListedSweep[Settings, tuple[str, float], PruneTrial]):
    job, ended, fields = "prune", ENDED, FIELDS
    nothing = "no pruned model could be measured"
    no_checkpoint = "a pruning run writes the checkpoint that is chosen: gradtop prune RUN --write AMOUNT"
    no_change = "a pruning run cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context, config, settings)
        self._about = PruneAbout()

    def is_reference(self, trial: PruneTrial) -> bool:
        return trial.method == WHOLE

    def remaining(self) -> list[tuple[str, float]]:
        return amounts_left(self._trials, self._settings.methods, self._settings.amounts)

    def measure_all(self) -> None:
        """Raises UserError where the checkpoint cannot be opened or evaluated, or not be written at the end."""
        super().measure_all()
        self.write_chosen(self._settings.write)

    def begin(self) -> None:
        about = self.require({})
        writer = self._context.writer
        best = self._config.training.best
        self._about = PruneAbout(best.name, best.mode, about["batch"], about["output"], tuple((name, weights) for name, weights in about["prunable"]))
        if self._context.resume:
            self.take_up(read_prune_trials(RunReader(self._context.run)))
        else:
            for note in about["notes"]:
                writer.event(EventKind.WARNING, message=note)
        writer.open(PRUNING_LAYERS, first_step=self.step + 1, extra={LAYER_NAMES: [name for name, _ in self._about.layers]})
        writer.open(PRUNING, first_step=self.step + 1)
        self._context.progress.update(device=about["device"], threads=about["threads"], parameters=about["parameters"], result=self.result())

    def result(self) -> dict[str, object]:
        return prune_result(self._trials, self._about)

    def measure(self, choice: tuple[str, float]) -> PruneTrial:
        method, amount = choice
        answer = self.attempt({METHOD: method, AMOUNT: amount}, choice_text(method, amount), required=method == WHOLE)
        if isinstance(answer, str):
            return PruneTrial(method, amount, error=answer)
        return PruneTrial(method, amount, tuple(float(answer[name]) for name in FIGURES), tuple(answer["layers"]))

    def record(self, trial: PruneTrial) -> None:
        writer, now = self._context.writer, time.time()
        # The record that counts comes last.
        self._context.progress.update(result=self.result())
        writer.put_many(PRUNING_LAYERS, pruned_layer_rows(trial, self.step, now))
        writer.flush()
        writer.put_many(PRUNING, [trial_row(trial, self._settings.methods, self.step, now)])
