"""The line in which runs wait for their device: one for each runs directory, host and device."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from trainer.record.layout import Run
from trainer.record.run_reader import read_config
from trainer.record.runs import list_runs
from trainer.record.status import ACTIVE, Status, derive_state, load_status, read_status

ANY = "auto"  # which device that will be is known when PyTorch is there: it may be any


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run in line; `before` are the runs that it waits for."""

    run: Run
    device: str
    before: tuple[Run, ...]


def waiting_line(runs: Path) -> list[Waiting]:
    """The runs that wait, the first in line first."""
    line = Line(runs)
    line.refresh()
    queued = sorted((run for run, status in line.alive.items() if status.state == "queued"), key=line.place)
    return [Waiting(run, device_of(run, line.alive[run]), tuple(line.before(run))) for run in queued]


class Line:
    """The runs of a directory that live; `refresh` reads only what has changed."""

    def __init__(self, runs: Path) -> None:
        self.alive: dict[Run, Status] = {}
        self._runs = runs
        self._known: dict[Run, tuple[tuple[int, int], Status]] = {}

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
            run: status for run, (_, status) in known.items() if status.state in ACTIVE and derive_state(status, now=now) != "died"
        }

    def place(self, run: Run) -> tuple[float, str]:
        """What the line is ordered by: since when it waits."""
        return self.alive[run].queued, run.id

    def before(self, run: Run) -> list[Run]:
        """The runs on the same host and device that train, or wait in front of this one; itself must be among those alive."""
        own = self.alive[run]
        device = device_of(run, own)
        return [
            other
            for other, status in self.alive.items()
            if other != run
            and status.host == own.host
            and (status.state != "queued" or self.place(other) < self.place(run))
            and same_device(device_of(other, status), device)
        ]


def device_of(run: Run, status: Status) -> str:
    """The device that a run trains on, as its worker found it or as its configuration asks for it."""
    if status.state != "queued" and status.device:
        return status.device
    training = read_config(run).get("training")
    word = training.get("device", ANY) if isinstance(training, dict) else ANY
    return f"{word}:0" if word == "cuda" else str(word)


def same_device(one: str, other: str) -> bool:
    """Whether two words may mean one device."""
    return one == other or ANY in (one, other)


def is_queued(run: Run) -> bool:
    return derive_state(read_status(run), now=time.time()) == "queued"
