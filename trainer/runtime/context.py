"""What every job is handed by the worker: its run, and the means to record, to obey and to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gradtop.trainer.record import Run, StreamWriter
from gradtop.trainer.runtime.control import Control
from gradtop.trainer.runtime.progress import Progress


class Explains(Protocol):
    def __call__(self, error: Exception, /) -> str:
        """One sentence on why the job failed, "" where it has none."""


class Closes(Protocol):
    def __call__(self, *, at_once: bool) -> None:
        """Finish what is being written; `at_once` where there is no time for more than telemetry."""


@dataclass
class RunContext:
    """The run directory is claimed and shows as starting; the heartbeat renews its status; signals are requests of `control`.

    A job calls `progress.update(state="training")` when it begins, `control.obey` between two steps, and records
    through `writer`. It returns when it is done and raises Stop where it was asked to end. `explain` and `close` are what
    the worker calls at the end; a job puts its own there as soon as it has something to explain and to close.
    """

    run: Run
    resume: bool
    writer: StreamWriter
    progress: Progress
    control: Control
    explain: Explains = lambda _error: ""
    close: Closes = lambda *, at_once: None  # noqa: ARG005 - nothing to close yet
