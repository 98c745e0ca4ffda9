"""Runs a sensitivity analysis: trains the plan's points as runs of their own, and tells how much each field matters. Imports no torch."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import replace

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.sensitivity.config import Settings
from gradtop.trainer.jobs.sensitivity.effects import outcome_from
from gradtop.trainer.jobs.sensitivity.estimate import announced, seconds_of_parent
from gradtop.trainer.jobs.sensitivity.importances import SearchImportances, importances_beside
from gradtop.trainer.jobs.sensitivity.outcome import SensitivityOutcome
from gradtop.trainer.jobs.sensitivity.plan import Point, params_by_number, plan_of
from gradtop.trainer.jobs.sensitivity.result import ENDED, PLANNED, ended_fields
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import read_job_config
from gradtop.trainer.trials.failures import failures_counted
from gradtop.trainer.trials.recorded import Trial, TrialState
from gradtop.trainer.trials.trial_job import TrialJob
from gradtop.trainer.trials.trial_run import trial_runs

EVERY, SHARE = 2.0, 0.02  # seconds, at least, between two summaries while trainings end; share of the time that these may take


def start(context: RunContext) -> None:
    """Train what the plan has. On a resume, what has ended stands, and what was training goes on."""
    config, settings = read_job_config(context.run, Settings)
    SensitivityAnalysis(context, config, settings).run_to_the_end()


class SensitivityAnalysis(TrialJob):
    """The number of a trial is its place in the plan, which the configuration decides: none is trained or counted twice."""

    what = "sensitivity analysis"
    no_checkpoint = "a sensitivity analysis writes no checkpoint: its trainings are recorded already"
    no_change = "a sensitivity analysis cannot be changed while it runs; start another one"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        self._metric = settings.metric(config)
        super().__init__(context, config, (self._metric,), settings.workers)
        self._settings, self._plan = settings, plan_of(config, settings)
        self._points = [point for point, _ in self._plan.trainings]
        planned = {number: Trial(number, TrialState.QUEUED, dict(params), source="plan", queued=time.time()) for number, params in params_by_number(self._plan)}
        self.trials = {number: self.trials.get(number, trial) for number, trial in planned.items()}
        self._beside = SearchImportances()
        self._outcome = SensitivityOutcome()
        self._when = self._cost = 0.0
        self._estimated = False

    @property
    def total(self) -> int:
        return len(self._points)

    def waiting(self) -> Sequence[int]:
        """At most as many as can be started, and one whose run is created before its turn."""
        found = []
        for number, trial in self.trials.items():
            if not trial.state.has_ended and number not in self.runs:
                found.append(number)
                if len(found) > self.workers:
                    break
        return found

    def run(self) -> None:
        """Raises UserError where there is nothing to compare with the configuration itself, as every other training failed, too."""
        super().run()
        if failed := self.failed_in_vain():
            others = len(self.trials) - self._points.count(())
            said = f"all {others} other trainings" if len(failed) == others > 1 else "the only other training" if others == 1 else f"{len(failed)} of the {others} other trainings"
            raise UserError(f"nothing can be compared with the configuration itself: {said} failed: {failures_counted(failed, str(self._run.path.parent))}; with that mended: gradtop resume {recorded(self._run)}")

    def failed_in_vain(self) -> list[Trial]:
        """The trainings that failed, where none with another value gave one of the metric."""
        others = [trial for trial, point in zip(self.trials.values(), self._points, strict=True) if point != ()]
        return [] if any(trial.state is TrialState.DONE or not trial.state.has_ended for trial in others) else [trial for trial in others if trial.state is TrialState.FAILED]

    def reconcile(self) -> None:
        self._beside = importances_beside(self._run, self._settings.search)
        if not self._context.resume:
            self._say_what_is_planned(seconds_of_parent(self._run, self.config))
            return
        made = trial_runs(self._run)
        again = {trial.number for trial in self.failed_in_vain()} | {number for number in (0,) if self.trials[number].state is TrialState.FAILED}
        for number, trial in self.trials.items():
            if trial.state.has_ended and number not in again:
                continue
            identity = trial.run if trial.run and (self._run.path.parent / trial.run).is_dir() else made[number].id if number in made else ""
            self.trials[number] = replace(trial, state=TrialState.QUEUED, run=identity, error="", ended=0.0)
            if identity:
                self.take_up(number)

    def _say_what_is_planned(self, seconds: float) -> None:
        """How many trainings, and about how long where one is known; again after the first one."""
        self._estimated = math.isfinite(seconds)
        self._context.writer.event(PLANNED, step=self.step, **announced(self._plan, self._settings, seconds))

    def draw(self) -> None:
        """The run of the next one is created while others train."""
        if (queued := self.waiting()) and not self.trials[queued[0]].run and self.runs:
            self.create(queued[0])

    def end(self, number: int, state: TrialState, best: tuple[int, list[float]] | None = None, error: str = "") -> None:
        super().end(number, state, best, error)
        trial = self.trials[number]
        if number == 0 and state is TrialState.FAILED:
            raise UserError(f"the configuration itself does not train, so there is nothing to compare with: {error or 'see its run'} ({trial.run or 'no run'})")
        if not self._estimated and state is TrialState.DONE and trial.started and not self._context.resume:
            self._say_what_is_planned(trial.ended - trial.started)

    # What it has found

    def summarise(self, *, always: bool = False) -> None:
        due = self.changed and time.monotonic() - self._when > max(EVERY, self._cost / SHARE)
        if not due and not always:
            return
        begin = time.monotonic()
        if always:
            with contextlib.suppress(OSError):
                self._beside = importances_beside(self._run, self._settings.search)
        measured: dict[Point, dict[int, float]] = {}
        failed: dict[Point, int] = {}
        for (point, seed), trial in zip(self._plan.trainings, self.trials.values(), strict=True):
            value = trial.values.get(self._metric.name, math.nan)
            if trial.state is TrialState.DONE and math.isfinite(value):
                measured.setdefault(point, {})[seed] = value
            elif trial.state.has_ended:
                failed[point] = failed.get(point, 0) + 1
        outcome = outcome_from(self._plan, self._metric, measured, failed, normalised=self._settings.normalised)
        self._outcome = replace(outcome, search=self._beside.search, search_name=self._beside.name, importances=self._beside.shares)
        self._context.progress.update(result=self._outcome.record())
        self.changed = False
        self._when, self._cost = time.monotonic(), time.monotonic() - begin

    def conclude(self) -> None:
        """Record what was found, also by an analysis that is stopped before its end."""
        if self.step:
            self._context.writer.event(ENDED, step=self.step, **ended_fields(self._outcome))
