"""The run of one trial: created, started, watched by its records, and ended by its control."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.config import Change, Config
from gradtop.trainer.launch import create_run
from gradtop.trainer.metrics import Monitored
from gradtop.trainer.record import Run, RunReader, list_runs, read_meta, send
from gradtop.trainer.record.files import identity
from gradtop.trainer.record.streams.registry import EPOCH, EVALS
from gradtop.trainer.runtime.cores import cores
from gradtop.trainer.trials.space import Value, base_value, configure

AT_LEAST_EVERY = 0.25  # seconds; a worker that was killed writes nothing


def create_trial_run(search: Run, name: str, base: Config, number: int, params: dict[str, Value], *, workers: int) -> Run:
    """With several `workers` it has its share of the CPU threads at most. Raises ConfigProblems where the values cannot be combined, and RecordError."""
    config = configure(base, params)
    # How many of them are fastest it finds out itself, as any training does.
    share = max(cores() // workers, 1) if workers > 1 else 0
    changes = [Change(key, old, value, "restart") for key, value in params.items() if (old := base_value(base, key)) != value]
    return create_run(search.path.parent, config, name=f"{name}-{number}", parent=search, changes=changes, search=search, trial=number, most_threads=share)


def trial_runs(search: Run) -> dict[int, Run]:
    """The runs of all trials by their number, those too that a process created and was killed before it recorded them; of several the newest."""
    found: dict[int, Run] = {}
    for run in list_runs(search.path.parent):
        if (meta := read_meta(run)).search == search.id:
            found.setdefault(meta.trial, run)
    return found


class TrialRun:
    """What a trial's run has recorded: `look` reads it again."""

    def __init__(self, runs: Path, identity: str) -> None:
        self.run = Run(runs / identity)
        self.reader = RunReader(self.run)
        self.evals: list[tuple[int, int, dict[str, float]]] = []  # epoch, step, values
        self._seen = 0
        self._status: tuple[int, int, int] | None = None
        self._next = 0.0

    def look(self, *, whole: bool = False) -> list[tuple[int, int, dict[str, float]]]:
        """The evaluations since the last look. Unless the `whole` is wanted, files are read where the status was written, as it is after each
        evaluation and at the end, or nothing was read for a while: what a look takes, it takes from the cores that the trials train on.
        """
        now, status = time.monotonic(), None
        with contextlib.suppress(OSError):
            status = identity(self.run.status.stat())
        if not whole and status == self._status and now < self._next:
            return []
        self._status, self._next = status, now + AT_LEAST_EVERY
        self.reader.refresh()
        stream = self.reader.stream(EVALS)
        stream.refresh()
        if stream.count < self._seen:
            self.evals, self._seen = [], 0  # a resumed run goes back to its checkpoint
        if stream.count == self._seen:
            return []
        names = [column.name for column in stream.columns]
        new = []
        for row in stream.rows(self._seen):
            values = dict(zip(names, row[2:], strict=False))
            epoch = values.pop(EPOCH, math.nan)
            new.append((int(epoch) if math.isfinite(epoch) else 0, int(row[0]), values))
        self._seen += len(new)
        self.evals += new
        return new

    def best(self, objectives: Sequence[Monitored]) -> tuple[int, list[float]] | None:
        """Step and values of the objectives at the evaluation that is best by the first of them; None without a finite one."""
        first = objectives[0]
        ranked = [each for each in self.evals if first.rank(each[2].get(first.name)) < math.inf]
        if not ranked:
            return None
        _, step, values = min(ranked, key=lambda each: first.rank(each[2].get(first.name)))
        status = self.reader.status
        other = {"seconds": status.seconds, "parameters": float(status.parameters)}
        found = [values.get(each.name, other.get(each.name, math.nan)) for each in objectives]
        return (step, found) if all(map(math.isfinite, found)) else None

    def measured(self) -> set[str]:
        """What some evaluation has a finite value of."""
        return {name for _, _, values in self.evals for name, value in values.items() if math.isfinite(value)}

    def send(self, command: str) -> None:
        """A trial that cannot be reached ends by itself, or is found dead."""
        self.reader.refresh()  # it may have started since the last look
        if self.reader.state.is_alive:
            send(self.run, command)
