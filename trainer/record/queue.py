"""The queue of runs for a device: one for each runs directory, host and device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.run_reader import read_config
from gradtop.trainer.record.runs import list_runs
from gradtop.trainer.record.state import RunState
from gradtop.trainer.record.status import ANY_DEVICE, Status, derive_state, load_status


class QueuedRun(NamedTuple):
    """A queued run; `before` are the runs that it waits for, `place` is its queue position, counted from 1."""

    run: Run
    device: str
    before: tuple[Run, ...]
    place: int


def requested_device(run: Run) -> str:
    training = read_config(run).get("training")
    word = training.get("device", ANY_DEVICE) if isinstance(training, dict) else ANY_DEVICE
    return f"{word}:0" if word == "cuda" else str(word)


def queued_runs(runs: Path) -> list[QueuedRun]:
    """The queued runs of a runs directory, in queue order."""
    queue = Queue(runs)
    queue.refresh()
    return queue_order(queue.alive)


def queue_order(alive: Mapping[Run, Status], requested: Callable[[Run], str] = requested_device) -> list[QueuedRun]:
    """The queued runs among those alive, in order of the queue; `requested` gives the device that the configuration of a run requests."""
    queued = sorted((run for run, status in alive.items() if status.state is RunState.QUEUED), key=lambda run: order(run, alive[run]))
    if not queued:
        return []
    devices = {run: device_of(run, status, requested) for run, status in alive.items()}
    found = []
    for run in queued:
        before = ahead(run, alive, devices)
        found.append(QueuedRun(run, devices[run], tuple(before), 1 + sum(alive[other].state is RunState.QUEUED for other in before)))
    return found


def order(run: Run, status: Status) -> tuple[float, str]:
    """The sort key of the queue: the time at which a run was queued."""
    return status.queued, run.id


def ahead(run: Run, alive: Mapping[Run, Status], devices: Mapping[Run, str]) -> list[Run]:
    """The runs on the same host and device that train, and then those that wait in front of this one, which must be among those alive."""
    own = alive[run]
    found = [
        other
        for other, status in alive.items()
        if other != run
        and status.host == own.host
        and (status.state is not RunState.QUEUED or order(other, status) < order(run, own))
        and same_device(devices[other], devices[run])
    ]
    return sorted(found, key=lambda other: (alive[other].state is RunState.QUEUED, order(other, alive[other])))


class Queue:
    """The active runs of a runs directory; `refresh` reads only what has changed."""

    def __init__(self, runs: Path) -> None:
        self.alive: dict[Run, Status] = {}
        self._runs = runs
        self._known: dict[Run, tuple[tuple[int, int], Status]] = {}
        self._asked: dict[Run, str] = {}

    def refresh(self) -> None:
        now = time.time()
        known = {}
        for run in list_runs(self._runs):
            try:
                found = run.status.stat()
            except OSError:
                continue
            stamp = (found.st_mtime_ns, found.st_ino)
            before = self._known.get(run)
            if before is not None and before[0] == stamp:
                known[run] = before
            elif (status := load_status(run)) is not None:
                known[run] = (stamp, status)
        self._known = known
        self.alive = {
            run: status for run, (_, status) in known.items() if derive_state(status, now=now).is_alive
        }

    def before(self, run: Run) -> list[Run]:
        """The runs that this one, which must be among those alive, waits for."""
        return ahead(run, self.alive, {other: device_of(other, status, self.requested) for other, status in self.alive.items()})

    def requested(self, run: Run) -> str:
        """`requested_device`, read once: the configuration of a run stays as it is."""
        if run not in self._asked:
            self._asked[run] = requested_device(run)
        return self._asked[run]


def device_of(run: Run, status: Status, requested: Callable[[Run], str] = requested_device) -> str:
    """The device of a run: the one that its worker reports, else the one that its configuration requests."""
    return status.device if status.state is not RunState.QUEUED and status.device else requested(run)


def same_device(one: str, other: str) -> bool:
    """Whether two device names may denote the same device."""
    return one == other or ANY_DEVICE in (one, other)
