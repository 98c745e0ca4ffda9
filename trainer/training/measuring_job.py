"""What jobs share that measure, and keep neither weights nor hyperparameters that could be changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from gradtop.trainer.config import Config, load_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.declare import Section
from gradtop.trainer.record import Run, RunState
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.control import Applied
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.progress import Stopwatch

S = TypeVar("S", bound=Section)


def read_job_config(run: Run, kind: type[S]) -> tuple[Config, S]:
    """The configuration of a run, and the section of its job. Raises UserError."""
    try:
        config = load_config(run.config)
    except (ConfigProblems, OSError) as error:
        raise UserError(str(error)) from error
    return config, job_settings(config, kind)


def job_settings(config: Config, kind: type[S]) -> S:
    """The section of the job. Raises TypeError where it is that of another one."""
    settings = config.part(config.job)
    if not isinstance(settings, kind):
        raise TypeError(settings)
    return settings


class MeasuringJob:
    """It pauses between two of its measurements, and refuses checkpoints and changes with the sentences of the job."""

    no_checkpoint: ClassVar[str]
    no_change: ClassVar[str]

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._stopwatch = Stopwatch()

    def run(self) -> None:
        """Measure what is left. Raises UserError."""
        raise NotImplementedError

    def conclude(self) -> None:
        """Record what was found; called also where `run` was stopped or failed."""

    def run_to_the_end(self) -> None:
        self._context.close = self.close
        try:
            self.run()
        finally:
            self.conclude()

    def pause(self) -> None:
        self._stopwatch.halt()
        self._context.progress.update(state=RunState.PAUSED)

    def unpause(self) -> None:
        self._stopwatch.go()
        self._context.progress.update(state=RunState.TRAINING)

    def checkpoint_now(self) -> str:
        raise ValueError(self.no_checkpoint)

    def set_live(self, changes: Mapping[str, object], *, confirmed: bool = True) -> Applied:  # noqa: ARG002 - it takes none
        raise ValueError(self.no_change)

    def close(self, *, at_once: bool) -> None:  # noqa: ARG002 - nothing takes time
        self._stopwatch.halt()
