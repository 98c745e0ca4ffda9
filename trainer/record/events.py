"""events.jsonl: what happened in a run, one JSON object a line with `time` and `kind`."""

from __future__ import annotations

import json
import math
import os
import time
from collections import deque
from collections.abc import Mapping

from trainer.record.layout import Run

KEPT = 2000
LONGEST = 1 << 20  # bytes of one line; a longer one is not an event of ours
FIRST_READ = 4 << 20  # of an events file that grew large only the end is read

Event = Mapping[str, object]


def append_event(run: Run, kind: str, **fields: object) -> None:
    """Append one event with one write; raises OSError. A torn line that another process left is closed first."""
    record = {"time": time.time(), "kind": kind, **fields}
    line = json.dumps(plain(record), ensure_ascii=True).encode() + b"\n"
    descriptor = os.open(run.events, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def plain(value: object) -> object:
    """The value in what JSON has: a number that is not finite becomes its name, anything unknown its text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return str(value)


class EventReader:
    """The newest events of a run; `refresh` reads what was appended since, and leaves a line that is not finished for later."""

    def __init__(self, run: Run) -> None:
        self.events: deque[Event] = deque(maxlen=KEPT)
        self._path = run.events
        self._offset = -1
        self._inode = 0

    def refresh(self) -> list[Event]:
        try:
            found = os.stat(self._path)
            if (found.st_size == self._offset and found.st_ino == self._inode) or (self._offset < 0 and found.st_size == 0):
                return []
            with open(self._path, "rb") as file:
                if self._offset < 0 or found.st_ino != self._inode or found.st_size < self._offset:
                    self._offset, self._inode = max(0, found.st_size - FIRST_READ), found.st_ino
                    if self._offset:
                        file.seek(self._offset)
                        self._offset += len(file.readline(LONGEST))
                file.seek(self._offset)
                data = file.read(2 * FIRST_READ)
        except OSError:
            return []
        end = data.rfind(b"\n") + 1
        if not end and len(data) > LONGEST:
            end = len(data)
        self._offset += end
        new = [event for line in data[:end].split(b"\n") if (event := parse_event(line)) is not None]
        self.events.extend(new)
        return new


def parse_event(line: bytes) -> Event | None:
    if not line.strip() or len(line) > LONGEST:
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        return None
    if isinstance(event.get("time"), bool) or not isinstance(event.get("time"), int | float):
        event["time"] = 0.0
    return event
