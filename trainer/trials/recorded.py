"""trials.jsonl: what became of each trial of a search. Only the search itself writes it; reading takes the standard library alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from gradtop.trainer.record import Run, RunState, bounds
from gradtop.trainer.record.events import plain
from gradtop.trainer.record.files import open_seen
from gradtop.trainer.record.typed import placed, quoted, with_runs
from gradtop.trainer.record.writing import open_to_append

FILE = "trials.jsonl"
LARGEST = 64 << 20  # bytes that are read of the file
LONGEST = 64 << 10  # bytes of one line
MOST = 100_000  # trials
MOST_KEYS = 1000  # parameters or objectives of one trial
START = b'{"number": '


class TrialState(StrEnum):
    """Of a trial; `queued` was suggested or added by hand and has no run yet."""

    QUEUED = RunState.QUEUED.value
    TRAINING = "training"
    DONE = "done"
    PRUNED = "pruned"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"  # a state that another version of gradtop wrote

    @classmethod
    def _missing_(cls, value: object) -> TrialState:  # noqa: ARG003 - as Enum calls it
        return cls.UNKNOWN

    @property
    def has_ended(self) -> bool:
        return self not in {TrialState.QUEUED, TrialState.TRAINING}


@dataclass(frozen=True, slots=True)
class Trial:
    """`params` are values by dotted key of the configuration; `values` those of the objectives by name, for a pruned trial of its newest evaluation.

    `run` is the id of its run in the directory that holds the search, "" before it has one. `source` is "sampler" or "hand".
    `step` is the step of the evaluation that `values` are of. `repeats` counts how often it was repeated because its process had died.
    Times in unix seconds, 0 where it has not come to that.
    """

    number: int = 0
    state: TrialState = TrialState.QUEUED
    params: Mapping[str, float | int | bool | str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    run: str = ""
    source: str = "sampler"
    step: int = 0
    queued: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    error: str = ""
    repeats: int = 0

    def record(self) -> dict[str, object]:
        """The trial as a JSON object, `number` first."""
        return asdict(self)


def _state(found: object) -> TrialState | None:
    return TrialState(found) if isinstance(found, str) else None


def _params(found: object) -> Mapping[str, Any] | None:
    if not isinstance(found, dict) or len(found) > MOST_KEYS:
        return None
    return {key: value for key, value in bounds.bounded(found).items() if isinstance(value, str | int | float)}


def _values(found: object) -> Mapping[str, float] | None:
    if not isinstance(found, dict) or len(found) > MOST_KEYS:
        return None
    return {bounds.name(key) or "": value for key, each in found.items() if (value := bounds.measured(each)) is not None}


MAKE = bounds.Maker(Trial, bounds.reads_of(Trial, state=_state, params=_params, values=_values, run=bounds.file_name, source=bounds.name))


def append_trial(run: Run, trial: Trial) -> None:
    """Append what a trial is now, as one line that replaces its earlier ones. Raises OSError, and leaves no part of a line then."""
    line = json.dumps(plain(trial.record())).encode() + b"\n"
    descriptor = open_to_append(run.path, run.path / FILE)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if (written := os.write(descriptor, line)) < len(line):
            os.ftruncate(descriptor, size)
            raise OSError(28, f"only {written} of {len(line)} bytes could be written", os.fspath(run.path / FILE))
    finally:
        os.close(descriptor)


class TrialReader:
    """The trials of a search in order of their numbers. `refresh` reads what was appended since; invalid lines are skipped."""

    def __init__(self, run: Run) -> None:
        self.trials: tuple[Trial, ...] = ()
        self._path, self._runs = run.file(FILE), run.path.parent
        self._by_number: dict[int, Trial] = {}
        self._offset = 0
        self._file: tuple[int, int] = (0, 0)

    def refresh(self) -> bool:
        """Whether a trial has changed; reads at most 64 MiB of the file, an incomplete line when it is complete."""
        try:
            descriptor, found = open_seen(self._path)
        except OSError:
            changed = bool(self.trials)
            self._forget()
            return changed
        try:
            before = self.trials
            if (found.st_dev, found.st_ino) != self._file or found.st_size < self._offset:
                self._forget()
                self._file = (found.st_dev, found.st_ino)
            data = _read(descriptor, self._offset, min(found.st_size, LARGEST))
        finally:
            os.close(descriptor)
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        if new := parsed(whole, self._runs):
            self._by_number |= {number: trial for number, trial in new.items() if number in self._by_number or len(self._by_number) < MOST}
            self.trials = tuple(self._by_number[number] for number in sorted(self._by_number))
        return self.trials is not before and self.trials != before

    def _forget(self) -> None:
        self.trials, self._by_number, self._offset, self._file = (), {}, 0, (0, 0)


def _read(descriptor: int, begin: int, end: int) -> bytes:
    parts = []
    while begin < end and (data := os.pread(descriptor, end - begin, begin)):
        parts.append(data)
        begin += len(data)
    return b"".join(parts)


def parsed(data: bytes, runs: Path) -> dict[int, Trial]:
    """The newest valid line of each trial, by its number; their runs are in this directory."""
    lines: dict[int, list[bytes]] = {}
    for line in data.split(b"\n"):
        digits = line[len(START) : line.find(b",", 0, 40)]
        # Of the lines of one trial only the last is parsed: most of the time to read many goes into JSON.
        if line.startswith(START) and digits.isdigit() and len(line) <= LONGEST and (number := int(digits)) < bounds.WHOLE:
            lines.setdefault(number, []).append(line)
            if len(lines) > MOST:
                break
    found: dict[int, Trial] = {}
    for number, each in lines.items():
        if trial := next((made for line in reversed(each) if (made := _trial(line)) is not None), None):
            found[number] = replace(trial, error=placed(trial.error, Run(runs / trial.run))) if trial.error and trial.run else trial
    return found


def _trial(line: bytes) -> Trial | None:
    try:
        found = bounds.parse_json(line)
    except ValueError:
        return None
    return MAKE(found) if isinstance(found, dict) and "state" in found else None


def trials_left_by(run: Run) -> str:
    """What is said where the run is deleted: its trials are runs of their own. "" where it has none."""
    count = sum(bool(trial.run) for trial in read_trials(run))
    stay = "its trial stays" if count == 1 else f"its {count} trials stay"
    command = with_runs(f"gradtop clean {quoted(f'search:{run.id}')}", run.path.parent)
    return f"{stay}, which {command} moves to the trash, too" if count else ""


def read_trials(run: Run) -> tuple[Trial, ...]:
    """The trials as they are now, in order of their numbers."""
    reader = TrialReader(run)
    reader.refresh()
    return reader.trials
