"""events.jsonl: the events of a run, one JSON object per line with `time` (unix seconds) and `kind`."""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gradtop.trainer.record import bounds
from gradtop.trainer.record.files import open_regular
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.typed import placed
from gradtop.trainer.record.writing import open_to_append

LONGEST = 256 << 10  # bytes of one line; a longer one is not an event of ours
MOST = 30_000  # lines that are read at a time, the newest
FIRST_READ = 4 << 20  # of a file that grew large only the end is read
AT_ONCE = 8 << 20
SENTENCES = ("message", "reason")  # fields that may name a command
ANCHOR = 256

Event = Mapping[str, Any]


class EventKind(StrEnum):
    """The kinds of events of every job; `FIELDS` has what each holds besides its time. Sentences are made by `trainer.analysis.event_text`.

    What one job alone records is declared in its room: `trainer.job.JobEvent`.
    """

    START = "start"
    RESUMED = "resumed"
    FORKED = "forked"
    DATA = "data"
    ABSENT = "absent"
    LEFT_OUT = "left_out"
    STATISTICS = "statistics"
    INIT = "init"
    EPOCH = "epoch"
    CHECKPOINT = "checkpoint"
    FREEZE = "freeze"
    COMMAND = "command"
    THREADS = "threads"
    EARLY_STOPPING = "early_stopping"
    TEST = "test"
    WARNING = "warning"
    UNAVAILABLE = "unavailable"
    BLACK_BOX = "black_box"
    PROFILE = "profile"
    END = "end"


# A field may be missing where it does not apply. `message` is free text, which no code reads.
FIELDS: Mapping[EventKind, tuple[str, ...]] = {
    EventKind.START: ("steps", "epochs", "per_epoch", "device"),  # epochs is 0 where the length is given in steps
    EventKind.RESUMED: ("step", "path", "changes"),  # path: the file name of the checkpoint; changes: those made after it, and again
    EventKind.FORKED: ("step", "kept", "dropped", "all_weights"),  # lists of what was kept and dropped; whether every weight was kept
    EventKind.DATA: ("message",),  # what a look at the data before training has found
    # Classes or labels (`what`) that no sample of a part of the data is of: the first names, and how many there are; first: none of so many samples so far, 0: of all.
    EventKind.ABSENT: ("step", "part", "what", "names", "total", "first"),
    # How many of all samples cannot be read, so far: a training sees others of their classes instead. path, reason: of the first.
    EventKind.LEFT_OUT: ("count", "samples", "path", "reason"),
    # Batch norms whose running statistics never moved: the first names, and how many there are; evaluating: they were in evaluation mode in training, else their momentum is 0.
    EventKind.STATISTICS: ("step", "layers", "count", "evaluating"),
    EventKind.INIT: ("message",),  # how the weights were initialised
    # loss: mean over the epoch's steps; lr: of its last step; samples_per_s: mean; accuracy: mean over the training steps in which it was measured; epochs: how many it is one of; skipped: steps
    # that the gradient scaler has skipped in it; metrics: those of the evaluation beside loss and accuracy; best: whether it is, by the
    # metric `monitor`.
    EventKind.EPOCH: ("epoch", "epochs", "step", "loss", "lr", "samples_per_s", "accuracy", "skipped", "val_loss", "val_accuracy", "metrics", "best", "monitor"),
    EventKind.CHECKPOINT: ("step", "epoch", "path", "val_loss", "best", "monitor"),
    EventKind.FREEZE: ("step", "frozen", "count"),  # the names of the first frozen parameters, and how many are frozen
    # The answer to a command. reason: why it was refused; was_paused: of continue; path: of checkpoint; the others of set:
    # changes, old; ends: training ends with it; lr_before, lr_after: where the learning rate goes on another curve; unconfirmed:
    # it does one of these, and was not made as the command has no `confirmed`; unsaved: of a stop, the job writes no checkpoint; steps, first,
    # last: how many steps profile is going to record, and which.
    EventKind.COMMAND: (
        "id", "command", "ok", "step", "reason", "was_paused", "was_queued", "path", "changes", "old", "ends", "lr_before", "lr_after", "unconfirmed",
        "unsaved",
        "unheard",
        "steps", "first", "last",
    ),
    EventKind.THREADS: ("step", "threads", "changes", "old", "pace", "pace_before", "tokens_per_sample"),  # a trial of fewer threads; samples/s, pace nan at its begin
    # How many evaluations brought no better value of the metric `monitor`, the best of which is the `mode` ("min" or "max").
    EventKind.EARLY_STOPPING: ("step", "epoch", "epochs", "evaluations", "monitor", "mode"),
    # The metrics of the checkpoint of `step` and `epoch` on the held-out test set of so many samples; headline: the one that stands beside the loss; monitor: the one that has chosen the checkpoint.
    EventKind.TEST: ("step", "epoch", "best", "samples", "metrics", "baselines", "headline", "monitor"),
    EventKind.WARNING: ("step", "message"),
    EventKind.UNAVAILABLE: ("step", "stream", "columns", "reason"),  # what is not measured after `step`; no columns: the whole stream
    EventKind.BLACK_BOX: ("step", "what", "parameter", "wrong", "steps", "layers"),  # wrong: whether the parameter went wrong first
    # The profile of steps from `step` to `last`: the file names of its summary and its trace in profiles/, how many times slower these steps
    # were, and the seconds of each phase of a step that is not profiled. reason: why there is none.
    EventKind.PROFILE: ("step", "last", "path", "trace", "slowdown", "phases", "reason"),
    EventKind.END: ("state", "step", "reason"),  # reason: of a failure, or of a stop that was not ordinary
}
KEPT = 2000
ROUTINE = frozenset({EventKind.EPOCH, EventKind.CHECKPOINT})  # a long run has thousands of these


def append_event(run: Run, kind: str, /, **fields: object) -> None:
    """Append one event in one write. Raises OSError."""
    append_lines(run, encoded_event(kind, fields))


def encoded_event(kind: str, fields: Mapping[str, object]) -> bytes:
    """An event as a line of the file, of now where the fields have no `time`."""
    return json.dumps(plain({"time": time.time(), "kind": kind, **fields})).encode() + b"\n"


def append_lines(run: Run, lines: bytes) -> None:
    """Append whole lines in one write, all or none; a torn line that another process has left is ended first. Raises OSError."""
    descriptor = open_to_append(run.path, run.events)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            lines = b"\n" + lines
        if os.write(descriptor, lines) < len(lines):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def plain(value: object) -> object:
    """The value as JSON can hold it: a non-finite number becomes a string, an object of another type its text."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return str(value)


class EventReader:
    """The newest events of a run. `refresh` reads what was appended since the last call; an incomplete line is read later.

    `rare` are the events of kinds that are not routine; they have a limit of their own.
    """

    def __init__(self, run: Run) -> None:
        self.events: deque[Event] = deque(maxlen=KEPT)
        self.rare: deque[Event] = deque(maxlen=KEPT)
        self._run, self._path = run, run.events
        self._offset = -1
        self._anchor = b""  # the bytes before the offset: by them a copy of the file is known to be the same
        self._seen = (0, 0)
        self.unreadable = ""

    def refresh(self) -> list[Event]:
        """New events in order; invalid lines are skipped."""
        try:
            descriptor = open_regular(self._path)
        except OSError as error:
            self.unreadable = "" if isinstance(error, FileNotFoundError) else str(bounds.unreadable(self._path, error.strerror or "error"))
            return []
        self.unreadable = ""
        try:
            found = os.fstat(descriptor)
            if self._seen == (found.st_size, found.st_ino):
                return []
            if not self._goes_on(descriptor):
                self._start(descriptor, found.st_size)
            data = os.pread(descriptor, min(AT_ONCE, max(0, found.st_size - self._offset)), self._offset)
        except OSError:
            return []
        finally:
            os.close(descriptor)
        whole = self._offset + len(data) >= found.st_size
        self._seen = (found.st_size, found.st_ino) if whole else (0, 0)
        end = data.rfind(b"\n") + 1
        if not end and len(data) > LONGEST:
            end = len(data)
        self._offset += end
        self._anchor = (self._anchor + data[max(0, end - ANCHOR) : end])[-ANCHOR:]
        new = [event for line in data[:end].split(b"\n")[-MOST:] if (event := parse_event(line, self._run)) is not None]
        self.events.extend(new)
        self.rare.extend(event for event in new if event["kind"] not in ROUTINE)
        return new

    def _goes_on(self, descriptor: int) -> bool:
        """Whether the file still holds what was read from it."""
        if self._offset < 0:
            return False
        return os.pread(descriptor, len(self._anchor), self._offset - len(self._anchor)) == self._anchor

    def _start(self, descriptor: int, size: int) -> None:
        self.events.clear()
        self.rare.clear()
        self._anchor = b""
        self._offset = max(0, size - FIRST_READ)
        if self._offset:  # in the middle of a line: the next one is the first
            self._offset += os.pread(descriptor, LONGEST, self._offset).find(b"\n") + 1


def parse_event(line: bytes, run: Run) -> Event | None:
    """The event of a line, where it is one; commands in its sentences find the run where it lies now."""
    if not line.strip() or len(line) > LONGEST:
        return None
    try:
        event = bounds.bounded(bounds.parse_json(line))
    except ValueError:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        return None
    event["kind"] = event["kind"][: bounds.NAME]
    event["time"] = bounds.positive(event.get("time")) or 0.0
    if not isinstance(event.get("step", 0), int | float):
        del event["step"]
    if b"gradtop " in line:
        event |= {name: placed(text, run) for name in SENTENCES if isinstance(text := event.get(name), str)}
    return event
