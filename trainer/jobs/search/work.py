"""Runs a search: asks for trials, trains them as runs forked from the torch server, prunes and tells them. Imports no torch itself.

Being forked from the torch server, the process has torch already, which the Gaussian process needs; without a server Optuna imports it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.search.commands import commands_of
from gradtop.trainer.jobs.search.config import OTHER, Settings
from gradtop.trainer.jobs.search.study import HAND, Study
from gradtop.trainer.jobs.search.summary import Summary
from gradtop.trainer.metrics import METRICS
from gradtop.trainer.record import Run
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import read_job_config
from gradtop.trainer.trials.failures import failures_counted
from gradtop.trainer.trials.recorded import Trial, TrialState
from gradtop.trainer.trials.space import parse_space
from gradtop.trainer.trials.trial_job import TrialJob
from gradtop.trainer.trials.trial_run import TrialRun, trial_runs


def start(context: RunContext) -> None:
    """Run trials until there are as many as wanted. On a resume, what has ended stands, and what was training goes on."""
    config, settings = read_job_config(context.run, Settings)
    TrialSearch(context, config, settings).run_to_the_end()


class TrialSearch(TrialJob):
    """The storage is written before trials.jsonl, and a trial's run before either says that it trains."""

    what = "search"
    no_checkpoint = "a search writes no checkpoint: its trials are recorded already"
    no_change = "a search cannot be changed so: add a trial, stop one or extend it (gradtop search --help)"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context, config, settings.monitored(config), settings.workers)
        self._settings = settings
        self.space = parse_space(settings.space, config)
        self.study = Study(self._run, settings, config, self.space, resume=context.resume)
        self._asked: dict[int, Any] = {}  # Optuna's trials that have not ended
        self._pruning: set[int] = set()
        self.budget = self.study.budget
        self.drawn = 0  # trials that were not added by hand
        self.added = 0  # trials added by hand that were not asked for
        self._exhausted = False
        self._in_vain = 0  # trials of a search that is resumed though all of them have failed
        self._summary = Summary(self.study)
        context.control.commands = commands_of(self)

    @property
    def total(self) -> int:
        """How many trials there will be, those added by hand included; 0 without a limit."""
        return self.budget + self.added + sum(trial.source == "hand" for trial in list(self.trials.values())) if self.budget else 0

    def run(self) -> None:
        """Raises UserError where no trial came to its end as others failed, too: such a search has found nothing."""
        super().run()
        if failed := self.failed_in_vain():
            whole = len(failed) == len(self.trials)
            said = f"all {len(failed)} trials failed" if whole and len(failed) > 1 else "its only trial failed" if whole else f"{len(failed)} of {len(self.trials)} trials failed, and no other came to its end"
            raise UserError(f"{said}: {failures_counted(failed, str(self._run.path.parent))}; with that mended, gradtop resume {recorded(self._run)} trains {len(failed)} more")

    def failed_in_vain(self) -> list[Trial]:
        """The trials that failed, where no other has given anything."""
        trials = list(self.trials.values())
        return [trial for trial in trials if trial.state is TrialState.FAILED] if all(trial.state in {TrialState.FAILED, TrialState.STOPPED} for trial in trials) else []

    def conclude(self) -> None:
        self._summary.close()

    def asked_for_more(self) -> bool:
        return super().asked_for_more() or self._may_draw() or self.added > 0 or self._tries_again()

    def _tries_again(self) -> bool:
        """Whether as many trials are drawn again: it was resumed though all had failed, and nobody asked for others."""
        more = len(self.failed_in_vain()) if len(self.trials) == self._in_vain else 0
        self._in_vain = 0
        if more:
            self._exhausted = False
            self.budget = self.drawn + more if self.budget else 0
            self.study.begin_again(self.budget)
            self.changed = True
        return more > 0 and self._may_draw()

    # What a process that has gone left behind

    def reconcile(self) -> None:
        """Bring trials.jsonl to what the storage says, and take up the trials that have not ended."""
        made: dict[int, Run] | None = None
        for frozen in self.study.frozen():
            number, state = frozen.number, frozen.state.name
            by_hand = HAND in frozen.user_attrs
            if state == "WAITING":
                self.added += by_hand
                continue
            self.drawn += not by_hand
            known = self.trials.get(number, Trial(number, TrialState.QUEUED, dict(frozen.params), source="hand" if by_hand else "sampler", queued=_time(frozen.datetime_start)))
            if frozen.state.is_finished():
                if not known.state.has_ended or number not in self.trials:
                    ended = {"COMPLETE": TrialState.DONE, "PRUNED": TrialState.PRUNED}.get(state, TrialState.FAILED)
                    values = {each.name: value for each, value in zip(self.study.objectives, frozen.values or (), strict=False)}
                    self.record(replace(known, state=ended, params=dict(frozen.params), values=values, ended=_time(frozen.datetime_complete)))
                continue
            trial, params = self.study.again(frozen)
            self._asked[number] = trial
            identity = known.run if known.run and (self._run.path.parent / known.run).is_dir() else ""
            if not identity and number in (made := trial_runs(self._run) if made is None else made):
                identity = made[number].id
            queued = replace(known, state=TrialState.QUEUED, params=params, run=identity, error="", ended=0.0)
            self.trials[number] = queued
            if not identity:
                self.record(queued)
                continue
            self.take_up(number)
        self._in_vain = len(self.trials) if self.failed_in_vain() else 0

    # One turn

    def draw(self) -> None:
        while not self.waiting() and (self._may_draw() or self.added > 0):
            if not self._ask():
                break

    def waiting(self) -> list[int]:
        return sorted(number for number in self._asked if number not in self.runs)

    def _may_draw(self) -> bool:
        in_time = not self._settings.timeout or self._stopwatch.seconds < self._settings.timeout
        return in_time and not self._exhausted and (not self.budget or self.drawn < self.budget)

    def _ask(self) -> bool:
        by_hand = self.study.waiting
        found = self.study.ask()
        if found is None:
            self._exhausted = True
            return False
        trial, params = found
        number, source = trial.number, "hand" if HAND in trial.user_attrs else "sampler"
        self.drawn += source == "sampler"
        self.added -= source == "hand" and by_hand and self.added > 0
        self._asked[number] = trial
        self.record(Trial(number, TrialState.QUEUED, params, source=source, queued=time.time()))
        self.create(number)
        return True

    def evaluated(self, number: int, epoch: int, values: Mapping[str, float]) -> None:
        value = values.get(self.objectives[0].name)
        prunable = self._settings.pruner != "none" and number not in self._pruning | self.stopping
        if prunable and value is not None and value == value and self.study.report(self._asked[number], value, epoch):
            self._pruning.add(number)
            self.runs[number].send("stop")

    def ended_early(self, number: int) -> TrialState | None:
        return super().ended_early(number) or (TrialState.PRUNED if number in self._pruning else None)

    def end(self, number: int, state: TrialState, best: tuple[int, list[float]] | None = None, error: str = "") -> None:
        """First in the storage, then in trials.jsonl, so that no trial counts twice."""
        told = {TrialState.DONE: "complete", TrialState.PRUNED: "pruned"}.get(state, "fail")
        self.study.tell(number, best[1] if best else [], told)
        self._asked.pop(number, None)
        super().end(number, state, best, error)

    def trained_in_vain(self, number: int, watched: TrialRun) -> None:
        """Some data tell only when they are read what can be measured on them. Raises UserError where no trial would have a value."""
        measured = watched.measured()
        missing = [each.name for each in self.objectives if each.name not in OTHER and each.name not in measured]
        if missing and "loss" in measured and not any(trial.values for trial in self.trials.values()):
            there = ", ".join(name for name in METRICS if name in measured)
            raise UserError(
                f"search.objectives: {missing[0]} has no value in any evaluation of trial {number}, though the loss has: these data do not have it. Start another search with one of {there}"
            )

    # What it has found

    def summarise(self, *, always: bool = False) -> None:
        if self.changed or always:
            outcome, whole = self._summary.update(self.trials, self.total, always=always)
            self.changed = not whole
            if outcome is not None:
                self._context.progress.update(result=outcome.record())


def _time(moment: Any) -> float:
    return float(moment.timestamp()) if moment is not None else 0.0
