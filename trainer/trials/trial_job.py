"""What jobs share whose trials are runs of their own: so many train at a time, are watched, stopped, and taken up again. Imports no torch."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from gradtop.trainer.analysis.death import how_it_died
from gradtop.trainer.config import Config, ConfigProblems
from gradtop.trainer.launch.detached import start_and_hear
from gradtop.trainer.launch.server import Connection, connect
from gradtop.trainer.metrics import Monitored
from gradtop.trainer.record import EventKind, RecordError, RunState, read_meta
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.signals import EndNow
from gradtop.trainer.training.measuring_job import MeasuringJob
from gradtop.trainer.trials.failures import errors_counted
from gradtop.trainer.trials.recorded import Trial, TrialState, append_trial, read_trials
from gradtop.trainer.trials.room import require_room
from gradtop.trainer.trials.trial_run import TrialRun, create_trial_run

LOOK_EVERY = 0.02  # seconds, and at once when a trial tells that it has ended
LINGERS = 2.0  # seconds after a resume with nothing to do: whoever resumed it to ask for more says so then
ENDS_WITHIN = 60.0  # seconds that a stopped trial has to write its checkpoint


class TrialJob(MeasuringJob):
    """`step` trials have ended, of `steps`. The run of a trial is created before trials.jsonl says that it trains.

    A job says which trials have come to their turn (`waiting`), what comes next (`draw`), and what it has found (`summarise`).
    """

    what: ClassVar[str]  # such as "search"

    def __init__(self, context: RunContext, config: Config, objectives: Sequence[Monitored], workers: int) -> None:
        super().__init__(context)
        self.config, self.objectives, self.workers, self._run = config, objectives, workers, context.run
        self.trials: dict[int, Trial] = {trial.number: trial for trial in read_trials(self._run)}
        self.runs: dict[int, TrialRun] = {}  # those that train
        self.stopping: set[int] = set()
        self.changed = True
        self._name = read_meta(self._run).name or self._run.id
        self._spares: Connection | None = None
        self._server = ""  # the name of the torch server that was last asked for a spare process
        self._links: dict[int, Connection] = {}  # to the processes of trials, which hang up as these end
        self._starting: set[int] = set()  # trials whose first steps are waited for
        before = context.progress.status.seconds if context.resume else 0.0
        self._stopwatch.load_state_dict({"seconds": before})

    # What a job says

    def reconcile(self) -> None:
        """What a process that has gone left behind: take up the trials that have not ended."""
        raise NotImplementedError

    def waiting(self) -> Sequence[int]:
        """The trials that wait for their turn, in order."""
        raise NotImplementedError

    def draw(self) -> None:
        """Choose the next trials."""

    def asked_for_more(self) -> bool:
        """A last look at the inbox; whether there is anything to do then."""
        self._context.control.obey(self)
        return bool(self.waiting())

    def evaluated(self, number: int, epoch: int, values: Mapping[str, float]) -> None:
        """An evaluation of a trial that trains."""

    def ended_early(self, number: int) -> TrialState | None:
        """What a trial is whose run has stopped, where the job had it stop; None for another reason."""
        return TrialState.STOPPED if number in self.stopping else None

    def summarise(self, *, always: bool = False) -> None:
        """Put what was found so far into the result."""
        raise NotImplementedError

    @property
    def total(self) -> int:
        """How many trials there will be; 0 without a limit."""
        raise NotImplementedError

    @property
    def step(self) -> int:
        return sum(trial.state.has_ended for trial in self.trials.values())

    # All turns

    def run(self) -> None:
        """Raises UserError where the records fail, Stop where it is asked to end."""
        self._context.progress.gauges = self.gauges  # not before: the job is whole now
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING, model=self.config.model.kind, device=self.config.training.device)
        self._keep_spares()
        try:
            self.reconcile()
            until = time.monotonic() + (LINGERS if self._context.resume else 0.0)
            while self._turn() or time.monotonic() < until or self.asked_for_more():
                if self._context.control.due():
                    self._context.control.obey(self)
                self._wait()
        except EndNow:
            raise  # `close` ends the trials, too
        except BaseException as error:
            self._stop_trials()
            if isinstance(error, OSError):
                raise UserError(f"the {self.what} cannot go on: {error.filename or self._run.path}: {error.strerror or error}; resume the {self.what} when that is mended") from error
            raise
        finally:
            self._stopwatch.halt()
            with contextlib.suppress(UserError, OSError):
                self.summarise(always=True)
            for number in list(self._links):
                self._hang_up(number)
            if self._spares is not None:
                self._spares.close()

    def _wait(self) -> None:
        """Until the next look: that is due, or a trial has ended."""
        poll = select.poll()
        numbers = {link.fileno(): number for number, link in self._links.items()}
        for descriptor in numbers:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(LOOK_EVERY * 1000):
            self._hang_up(numbers[descriptor])

    def _hang_up(self, number: int) -> None:
        if (link := self._links.pop(number, None)) is not None:
            link.close()

    def _keep_spares(self) -> None:
        """Have the torch server keep a process ready for the next trial."""
        if self._context.forked:
            with contextlib.suppress(OSError):
                self._spares = connect()
                if self._spares is not None:
                    self._spares.stay()
                    self._ask_for_spare()

    def _ask_for_spare(self) -> None:
        self._server = ""
        if self._spares is not None and (connection := connect()) is not None:
            with connection, contextlib.suppress(OSError):
                connection.ask_for_spare()
                self._server = connection.name

    def _turn(self) -> bool:
        """Look at the trials that train, start others; whether there is anything left to do."""
        for number in list(self.runs):
            self._look_at(number)
        while len(self.runs) < self.workers and (queued := self.waiting()):
            self._start(queued[0])
        self.draw()
        self.summarise()
        return bool(self.runs or self.waiting())

    def take_up(self, number: int) -> None:
        """The run of a trial that was there before: goes on by itself, has ended, or is resumed in its turn."""
        watched = TrialRun(self._run.path.parent, self.trials[number].run)
        watched.look()
        if watched.reader.state.is_alive or watched.reader.state is RunState.DONE:
            self.runs[number] = watched
            self.record(replace(self.trials[number], state=TrialState.TRAINING, started=self.trials[number].started or time.time()))
        else:
            self.record(self.trials[number])  # one that failed, too: why this job ended before it could say so may be why that one failed

    def create(self, number: int) -> None:
        """The run of a queued trial, before it is its turn."""
        trial = self.trials[number]
        try:
            made = create_trial_run(self._run, self._name, self.config, number, dict(trial.params), workers=self.workers)
        except (ConfigProblems, RecordError) as error:
            require_room(self._run)
            self.end(number, TrialState.FAILED, error=(str(error).splitlines() or [""])[0])
            return
        self.trials[number] = replace(trial, run=made.id)

    def _start(self, number: int) -> None:
        if not self.trials[number].run:
            self.create(number)
            if self.trials[number].state.has_ended:
                return
        trial = self.trials[number]
        watched = TrialRun(self._run.path.parent, trial.run)
        watched.reader.refresh()
        resume = watched.reader.state is not RunState.CREATED
        self.record(replace(trial, state=TrialState.TRAINING, started=time.time()))
        try:
            link = start_and_hear(watched.run, resume=resume, server=self._context.forked, name=self._server)
        except (OSError, RecordError) as error:
            require_room(self._run, watched.run)
            self.end(number, TrialState.FAILED, error=str(error))
            return
        self.runs[number] = watched
        self._starting.add(number)
        self._hang_up(number)
        if link is not None:
            self._links[number] = link

    def _look_at(self, number: int) -> None:
        watched = self.runs[number]
        for epoch, _, values in watched.look():
            self.evaluated(number, epoch, values)
        state = watched.reader.state
        if number in self._starting and (watched.reader.status.step or not state.is_alive):
            # Not before the first steps, which are waited for: a spare process computes with all threads as it begins.
            self._starting.discard(number)
            self._ask_for_spare()
        if not state.has_ended and not watched.reader.gone:
            return
        if state in {RunState.FAILED, RunState.DIED}:
            require_room(self._run, watched.run)
        watched.look(whole=True)
        best = watched.best(self.objectives)
        early = self.ended_early(number)
        if watched.reader.gone:
            self.end(number, TrialState.FAILED, error="its run was deleted")
        elif early is not None:
            self.end(number, early, best, error="stopped by hand" if early is TrialState.STOPPED else "")
        elif state is RunState.DIED and not self.trials[number].repeats:
            how = how_it_died(watched.run, state, watched.reader.status)
            self._warn(f"trial {number} died{f' ({how})' if how else ''} and is repeated from its last checkpoint")
            self.record(replace(self.trials[number], repeats=1))
            del self.runs[number]  # it is queued again, and resumed
        elif state is RunState.DONE and best is not None:
            self.end(number, TrialState.DONE, best)
        elif state is RunState.STOPPED:
            self.end(number, TrialState.STOPPED, best, error="its run was stopped")
        else:
            how = how_it_died(watched.run, state, watched.reader.status)
            died = f"its worker died twice{f', the second time {how}' if how else ''}"
            why = died if state is RunState.DIED else watched.reader.status.error or ("no evaluation has finite values of the objectives" if state is RunState.DONE else "its worker ended without a reason")
            self.end(number, TrialState.FAILED, best, error=why)
            if state is RunState.DONE:
                self.trained_in_vain(number, watched)

    def trained_in_vain(self, number: int, watched: TrialRun) -> None:
        """A trial came to its end without a value; the others may, too."""

    def end(self, number: int, state: TrialState, best: tuple[int, list[float]] | None = None, error: str = "") -> None:
        step, values = best or (0, [])
        self.runs.pop(number, None)
        self._hang_up(number)
        named = {each.name: value for each, value in zip(self.objectives, values, strict=False)}
        self.record(replace(self.trials[number], state=state, values=named, step=step, ended=time.time(), error=error))
        if state is TrialState.FAILED:
            self._warn(f"trial {number} failed: {errors_counted([error])}")

    def _warn(self, message: str) -> None:
        self._context.writer.event(EventKind.WARNING, step=self.step, message=message)

    def record(self, trial: Trial) -> None:
        append_trial(self._run, trial)
        self.trials[trial.number] = trial
        self.changed = True

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
        """Have the trials that train write a checkpoint and stop; they go on when the job is resumed."""
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
                    self.record(replace(self.trials[number], state=TrialState.QUEUED))

    def gauges(self) -> dict[str, object]:
        """For the status; called from the heartbeat's thread."""
        return {"step": sum(trial.state.has_ended for trial in list(self.trials.values())), "steps": self.total or len(self.trials), "seconds": self._stopwatch.seconds}

    def close(self, *, at_once: bool) -> None:
        super().close(at_once=at_once)
        if at_once:
            for watched in list(self.runs.values()):
                with contextlib.suppress(OSError):
                    watched.send("kill")
