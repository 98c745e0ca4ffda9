"""What jobs share that measure one thing after the other, each in a process of its own. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from gradtop.trainer.config import Config
from gradtop.trainer.launch.answers import ProcessEnded
from gradtop.trainer.launch.measuring import Measuring
from gradtop.trainer.record import EventKind, RunReader, RunState
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import MeasuringJob, S
from gradtop.trainer.trials.failures import errors_counted

ListedChoice = TypeVar("ListedChoice")  # what is measured


class MayFail(Protocol):
    """What was found of it; `error` is why nothing was, "" where something was."""

    @property
    def error(self) -> str: ...


ListedTrial = TypeVar("ListedTrial", bound=MayFail)


class SweepJob(MeasuringJob, Generic[S]):
    """`step` measurements are done, of `steps`."""

    job: ClassVar[str]  # its room, whose `measure` answers
    longest: ClassVar[float] = 6 * 3600.0  # seconds of one measurement
    ended: ClassVar[str]  # the event with these fields of the result
    fields: ClassVar[Sequence[str]]

    def __init__(self, context: RunContext, config: Config, settings: S) -> None:
        super().__init__(context)
        self._config, self._settings = config, settings
        self._measuring = Measuring(context, self.job, self, seconds=self.longest)

    @property
    def step(self) -> int:
        raise NotImplementedError

    @property
    def steps(self) -> int:
        raise NotImplementedError

    def measure_all(self) -> None:
        """Measure what is left. Raises UserError."""
        raise NotImplementedError

    def result(self) -> dict[str, object]:
        """What the measurements so far say."""
        raise NotImplementedError

    def run(self) -> None:
        self._context.progress.gauges = self.gauges
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING, model=self._config.model.kind)
        self.measure_all()

    def require(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question without which the job cannot go on. Raises UserError."""
        try:
            return self._measuring.answer(question)
        except OSError as error:
            raise UserError(str(error)) from error

    def attempt(self, question: Mapping[str, Any], what: str, *, required: bool = False) -> dict[str, Any] | str:
        """The answer, or why this measurement does not work here, which becomes a warning too.

        Raises UserError where it is `required`, and where its process ended by itself: somebody has ended it.
        """
        try:
            return self._measuring.answer(question)
        except OSError as error:
            if required or (isinstance(error, ProcessEnded) and not error.signal):
                raise UserError(f"{what}: {error}") from error
            self._context.writer.event(EventKind.WARNING, step=self.step, message=f"{what}: {error}")
            return str(error) or type(error).__name__

    def conclude(self) -> None:
        """Record what was found, also by a job that is stopped before its end."""
        self._stopwatch.halt()
        if self.step:
            result = self.result()
            self._context.writer.event(self.ended, step=self.step, **{name: result.get(name) for name in self.fields})
            self._context.progress.update(result=result)

    def gauges(self) -> dict[str, object]:
        """What changes from one measurement to the next, for the status; called from the heartbeat's thread."""
        return {"step": self.step, "steps": self.steps, "seconds": self._stopwatch.seconds}


class ListedSweep(SweepJob[S], Generic[S, ListedChoice, ListedTrial]):
    """Measures what stands in a list that is known beforehand; what was measured before a resume is taken up in `begin`."""

    nothing: ClassVar[str]  # such as "no initialization could be measured"

    def __init__(self, context: RunContext, config: Config, settings: S) -> None:
        super().__init__(context, config, settings)
        self._trials: list[ListedTrial] = []

    @property
    def step(self) -> int:
        return len(self._trials)

    @property
    def steps(self) -> int:
        return self.step + len(self.remaining())

    def remaining(self) -> Sequence[ListedChoice]:
        """What is not measured yet, in its order."""
        raise NotImplementedError

    def begin(self) -> None:
        """Ask what can be measured. Raises UserError."""
        raise NotImplementedError

    def measure(self, choice: ListedChoice) -> ListedTrial:
        """Raises UserError where the others could not be measured either."""
        raise NotImplementedError

    def record(self, trial: ListedTrial) -> None:
        """Record the newest of the trials."""
        raise NotImplementedError

    def is_reference(self, trial: ListedTrial) -> bool:  # noqa: ARG002 - not every job has one
        """Whether the others are compared with it, so that it alone says nothing."""
        return False

    def take_up(self, trials: Sequence[ListedTrial]) -> None:
        """Let those stand on a resume; what failed is measured again where it ended the job, as all was measured, in vain."""
        self._trials = list(trials)
        if not self.remaining() and self._in_vain(trials):
            self._trials = [trial for trial in trials if not trial.error]

    def _in_vain(self, trials: Sequence[ListedTrial]) -> bool:
        return any(trial.error for trial in trials) and all(trial.error or self.is_reference(trial) for trial in trials)

    def measure_all(self) -> None:
        """Raises UserError where nothing could be measured, too."""
        self.begin()
        while left := self.remaining():
            trial = self.measure(left[0])
            self._trials.append(trial)
            self.record(trial)
        if self._in_vain(self._trials):
            raise UserError(f"{self.nothing}: {errors_counted([trial.error for trial in self._trials if trial.error])}; with that mended: gradtop resume {recorded(self._context.run)}")

    def write_chosen(self, chosen: str) -> None:
        """Have the checkpoint written that the settings name, once. Raises UserError."""
        if chosen and not RunReader(self._context.run).checkpoints():
            self.require({"write": chosen})
