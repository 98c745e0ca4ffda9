"""death.json: how a worker ended that could not record it itself, written by the process that waited for it: its torch server, or its parent."""

from __future__ import annotations

import json

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import bounds
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.reserve import write_in_any_case
from gradtop.trainer.record.status import Status
from gradtop.trainer.record.writing import write_atomically

DEATH = "death.json"


class Death(NamedTuple):
    """How a process ended; `pid_started` (clock ticks since boot) tells it from others with the same pid. `signal` is 0 if it exited with `code`.

    `memory` is True if the kernel may have killed it for lack of memory.
    """

    pid: int
    pid_started: float
    signal: int = 0
    code: int = 0
    memory: bool = False
    time: float = 0.0


READS = bounds.reads_of(Death)


def write_death(run: Run, death: Death) -> None:
    """Write death.json. Raises OSError."""
    write_in_any_case(run, lambda: write_atomically(run.path, run.path / DEATH, json.dumps(death._asdict())))


def read_death(run: Run, status: Status) -> Death | None:
    """How the process ended that wrote this status; None if that was not recorded."""
    try:
        values = bounds.fields(READS, bounds.read_note(run.file(DEATH)))
    except bounds.Unreadable:
        return None
    death = Death(**{"pid": 0, "pid_started": 0.0, **values})
    return death if status.pid and (death.pid, death.pid_started) == (status.pid, status.pid_started) else None
