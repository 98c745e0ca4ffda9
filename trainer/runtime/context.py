"""The RunContext that the worker passes to a job: its run, writer, progress and control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gradtop.trainer.record import Run, StreamWriter
from gradtop.trainer.runtime.control import Control
from gradtop.trainer.runtime.progress import Progress


class Explains(Protocol):
    def __call__(self, error: Exception, /) -> str:
        """The reason for a failure in one sentence; "" if unknown."""


class Closes(Protocol):
    def __call__(self, *, at_once: bool) -> None:
        """Finish pending writes; with `at_once` only telemetry."""


@dataclass
class RunContext:
    """The run directory is claimed and shows as starting; the heartbeat renews its status; signals are requests of `control`.

    A job calls `progress.update(state="training")` when it begins, `control.obey` between two steps, and records
    through `writer`. It returns when it is done and raises Stop where it was asked to end. `explain` and `close` are what
    the worker calls at the end; a job puts its own there as soon as it has something to explain and to close. `forked`: the torch
    server forked this process, and may be asked for others.
    """

    run: Run
    resume: bool
    writer: StreamWriter
    progress: Progress
    control: Control
    explain: Explains = lambda _error: ""
    close: Closes = lambda *, at_once: None  # noqa: ARG005 - nothing to close yet
    forked: bool = False
