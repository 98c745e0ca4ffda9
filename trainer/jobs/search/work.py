"""Runs a search: asks for trials, trains them as runs forked from the torch server, prunes and tells them. Imports no torch itself.

Being forked from the torch server, the process has torch already, which the Gaussian process needs; without a server Optuna imports it.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import Any

from gradtop.trainer.config import Config, ConfigProblems
from gradtop.trainer.jobs.search.commands import commands_of
from gradtop.trainer.jobs.search.config import Settings
from gradtop.trainer.jobs.search.space import parse_space
from gradtop.trainer.jobs.search.study import HAND, REPEATS, Study
from gradtop.trainer.jobs.search.summary import Summary
from gradtop.trainer.jobs.search.trial_run import TrialRun, create_trial_run, find_trial_run
from gradtop.trainer.jobs.search.trials import Trial, TrialState, append_trial, read_trials
from gradtop.trainer.launch import start_worker
from gradtop.trainer.launch.server import Connection, connect
from gradtop.trainer.record import RecordError, RunState, read_meta
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.signals import EndNow
from gradtop.trainer.training.measuring_job import MeasuringJob, read_job_config

LOOK_EVERY = 0.02  # seconds
LINGERS = 2.0  # seconds after a resume with nothing to do: whoever resumed it to add a trial or to extend it says so then
ENDS_WITHIN = 60.0  # seconds that a stopped trial has to write its checkpoint


def start(context: RunContext) -> None:
    """Run trials until there are as many as wanted. On a resume, what has ended stands, and what was training goes on."""
    config, settings = read_job_config(context.run, Settings)
    TrialSearch(context, config, settings).run_to_the_end()


class TrialSearch(MeasuringJob):
    """`step` trials have ended, of `steps`. The storage is written before trials.jsonl, and a trial's run before either says that it trains."""

    no_checkpoint = "a search writes no checkpoint: its trials are recorded already"
    no_change = "a search cannot be changed so: add a trial, stop one or extend it (gradtop search --help)"

    def __init__(self, context: RunContext, config: Config, settings: Settings) -> None:
        super().__init__(context)
        self.config, self._settings, self._run = config, settings, context.run
        self.space = parse_space(settings.space, config)
        self.study = Study(self._run, settings, config, self.space, resume=context.resume)
        self._name = read_meta(self._run).name or self._run.id
        self.trials: dict[int, Trial] = {trial.number: trial for trial in read_trials(self._run)}
        self._asked: dict[int, Any] = {}  # Optuna's trials that have not ended
        self.runs: dict[int, TrialRun] = {}  # those that train
        self._pruning: set[int] = set()
        self.stopping: set[int] = set()
        self.budget = self.study.budget
        self.drawn = 0  # trials that were not added by hand
        self.added = 0  # trials added by hand that were not asked for
        self._exhausted = False
        self._spares: Connection | None = None
        before = context.progress.status.seconds if context.resume else 0.0
        self._stopwatch.load_state_dict({"seconds": before})
        self._summary = Summary(self.study)
        self.changed = True
        context.control.commands = commands_of(self)
        context.progress.gauges = self.gauges

    @property
    def total(self) -> int:
        """How many trials there will be, those added by hand included; 0 without a limit."""
        return self.budget + self.added + sum(trial.source == "hand" for trial in list(self.trials.values())) if self.budget else 0

    @property
    def step(self) -> int:
        return sum(trial.state.has_ended for trial in self.trials.values())

    def run(self) -> None:
        """Raises UserError where the storage fails, Stop where it is asked to end."""
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING, model=self.config.model.kind, device=self.config.training.device)
        self._keep_spares()
        try:
            self._reconcile()
            until = time.monotonic() + (LINGERS if self._context.resume else 0.0)
            while self._turn() or time.monotonic() < until or self._is_asked_for_more():
                if self._context.control.due():
                    self._context.control.obey(self)
                time.sleep(LOOK_EVERY)
        except EndNow:
            raise  # `close` ends the trials, too
        except BaseException as error:
            self._stop_trials()
            if isinstance(error, OSError):
                raise UserError(f"the search cannot go on: {error.filename or self._run.path}: {error.strerror or error}; resume the search when that is mended") from error
            raise
        finally:
            self._stopwatch.halt()
            with contextlib.suppress(UserError, OSError):
                self._summarise(always=True)
            self._summary.close()
            if self._spares is not None:
                self._spares.close()

    def _is_asked_for_more(self) -> bool:
        """A last look at the inbox; whether there is anything to do then."""
        self._context.control.obey(self)
        return self._may_draw() or self.added > 0 or bool(self._queued())

    def _keep_spares(self) -> None:
        """Have the torch server keep a process ready for the next trial."""
        if self._context.forked:
            with contextlib.suppress(OSError):
                self._spares = connect()
                if self._spares is not None:
                    self._spares.stay()
                    self._ask_for_spare()

    def _ask_for_spare(self) -> None:
        if self._spares is not None and (connection := connect()) is not None:
            with connection, contextlib.suppress(OSError):
                connection.ask_for_spare()

    # What a process that has gone left behind

    def _reconcile(self) -> None:
        """Bring trials.jsonl to what the storage says, and take up the trials that have not ended."""
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
                    self._record(replace(known, state=ended, params=dict(frozen.params), values=values, ended=_time(frozen.datetime_complete)))
                continue
            trial, params = self.study.again(frozen)
            self._asked[number] = trial
            identity = known.run if known.run and (self._run.path.parent / known.run).is_dir() else ""
            if not identity and (found := find_trial_run(self._run, number)) is not None:
                identity = found.id
            queued = replace(known, state=TrialState.QUEUED, params=params, run=identity, error="", ended=0.0)
            self.trials[number] = queued
            if not identity:
                self._record(queued)
                continue
            self._take_up(number)

    def _take_up(self, number: int) -> None:
        """The run of a trial that was there before: goes on by itself, has ended, or is resumed in its turn."""
        watched = TrialRun(self._run.path.parent, self.trials[number].run)
        watched.look()
        if watched.reader.state.is_alive or watched.reader.state in {RunState.DONE, RunState.FAILED}:
            self.runs[number] = watched
            self._record(replace(self.trials[number], state=TrialState.TRAINING, started=self.trials[number].started or time.time()))
        else:
            self._record(self.trials[number])

    # One turn

    def _turn(self) -> bool:
        """Look at the trials that train, start others; whether there is anything left to do."""
        for number in list(self.runs):
            self._look_at(number)
        while len(self.runs) < self._settings.workers and (queued := self._queued()):
            self._start(queued[0])
        while len(self._queued()) < 1 and (self._may_draw() or self.added > 0):
            if not self._ask():
                break
        self._summarise()
        return bool(self.runs or self._queued())

    def _queued(self) -> list[int]:
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
        self._record(Trial(number, TrialState.QUEUED, params, source=source, queued=time.time()))
        self._create(number)
        return True

    def _create(self, number: int) -> None:
        """The run of a queued trial, before it is its turn."""
        trial = self.trials[number]
        try:
            made = create_trial_run(self._run, self._name, self.config, number, dict(trial.params), workers=self._settings.workers)
        except (ConfigProblems, RecordError) as error:
            self.end(number, TrialState.FAILED, error=(str(error).splitlines() or [""])[0])
            return
        self.trials[number] = replace(trial, run=made.id)

    def _start(self, number: int) -> None:
        if not self.trials[number].run:
            self._create(number)
            if number not in self._asked:
                return
        trial = self.trials[number]
        watched = TrialRun(self._run.path.parent, trial.run)
        watched.reader.refresh()
        resume = watched.reader.state is not RunState.CREATED
        self._record(replace(trial, state=TrialState.TRAINING, started=time.time()))
        try:
            start_worker(watched.run, resume=resume, server=self._context.forked)
        except (OSError, RecordError) as error:
            self.end(number, TrialState.FAILED, error=str(error))
            return
        self.runs[number] = watched
        self._ask_for_spare()

    def _look_at(self, number: int) -> None:
        watched = self.runs[number]
        for epoch, _, values in watched.look():
            first = self.study.objectives[0]
            value = values.get(first.name)
            prunable = self._settings.pruner != "none" and number not in self._pruning | self.stopping
            if prunable and value is not None and value == value and self.study.report(self._asked[number], value, epoch):
                self._pruning.add(number)
                watched.send("stop")
        state = watched.reader.state
        if not state.has_ended and not watched.reader.gone:
            return
        watched.look(whole=True)
        best = watched.best(self.study.objectives)
        if watched.reader.gone:
            self.end(number, TrialState.FAILED, error="its run was deleted")
        elif number in self.stopping:
            self.end(number, TrialState.STOPPED, best, error="stopped by hand")
        elif number in self._pruning:
            self.end(number, TrialState.PRUNED, best)
        elif state is RunState.DIED and not self._repeated(number):
            self._context.writer.event("warning", step=self.step, message=f"trial {number} died and is repeated from its last checkpoint")
            del self.runs[number]  # it is queued again, and resumed
        elif state is RunState.DONE and best is not None:
            self.end(number, TrialState.DONE, best)
        elif state is RunState.STOPPED:
            self.end(number, TrialState.STOPPED, best, error="its run was stopped")
        else:
            why = watched.reader.status.error or ("no evaluation has finite values of the objectives" if state is RunState.DONE else "its worker died twice")
            self.end(number, TrialState.FAILED, best, error=why)

    def _repeated(self, number: int) -> bool:
        """Whether a trial that died was repeated before; the next time it was."""
        trial = self._asked[number]
        if trial.user_attrs.get(REPEATS):
            return True
        with self.study.stored():
            trial.set_user_attr(REPEATS, 1)
        return False

    def end(self, number: int, state: TrialState, best: tuple[int, list[float]] | None = None, error: str = "") -> None:
        """First in the storage, then in trials.jsonl, so that no trial counts twice."""
        step, values = best or (0, [])
        told = {TrialState.DONE: "complete", TrialState.PRUNED: "pruned"}.get(state, "fail")
        self.study.tell(number, values, told)
        self._asked.pop(number, None)
        self.runs.pop(number, None)
        named = {each.name: value for each, value in zip(self.study.objectives, values, strict=False)}
        self._record(replace(self.trials[number], state=state, values=named, step=step, ended=time.time(), error=error))

    def _record(self, trial: Trial) -> None:
        append_trial(self._run, trial)
        self.trials[trial.number] = trial
        self.changed = True

    # What it has found

    def _summarise(self, *, always: bool = False) -> None:
        if self.changed or always:
            outcome, whole = self._summary.update(self.trials, self.total, always=always)
            self.changed = not whole
            if outcome is not None:
                self._context.progress.update(result=outcome.record())

    # What control asks for

    def pause(self) -> None:
        for watched in self.runs.values():
            watched.send("pause")
        super().pause()

    def unpause(self) -> None:
        for watched in self.runs.values():
            watched.send("continue")
        super().unpause()

    def _stop_trials(self) -> None:
        """Have the trials that train write a checkpoint and stop; they go on when the search is resumed."""
        for watched in self.runs.values():
            with contextlib.suppress(OSError):
                watched.send("stop")
        until = time.monotonic() + ENDS_WITHIN
        for number, watched in list(self.runs.items()):
            while watched.reader.state.is_alive and time.monotonic() < until:
                time.sleep(LOOK_EVERY)
                watched.reader.refresh()
            with contextlib.suppress(OSError):
                if watched.reader.state is RunState.DONE:
                    self._look_at(number)
                else:
                    self._record(replace(self.trials[number], state=TrialState.QUEUED))

    def gauges(self) -> dict[str, object]:
        """For the status; called from the heartbeat's thread."""
        return {"step": sum(trial.state.has_ended for trial in list(self.trials.values())), "steps": self.total or len(self.trials), "seconds": self._stopwatch.seconds}

    def close(self, *, at_once: bool) -> None:
        super().close(at_once=at_once)
        if at_once:
            for watched in list(self.runs.values()):
                with contextlib.suppress(OSError):
                    watched.send("kill")


def _time(moment: Any) -> float:
    return float(moment.timestamp()) if moment is not None else 0.0
