"""All that a screen reads of one run."""

from __future__ import annotations

import json
import os
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.record.events import Event, EventReader
from trainer.record.layout import Run
from trainer.record.meta import Meta, read_meta
from trainer.record.reader import StreamReader
from trainer.record.status import ACTIVE, Status, derive_state, parse_status
from trainer.record.text import clean

LOG_END = 64 * 1024
LONGEST_LINE = 1000


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """A checkpoint as its JSON tells it; `path` is the file of weights."""

    step: int
    epoch: int
    path: Path
    val_loss: float | None = None
    val_accuracy: float | None = None
    best: bool = False
    time: float = 0.0


class RunReader:
    """`refresh` looks for what is new with a few stats; the rest tells what was seen then. Never raises on what a run holds."""

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self.status = Status()
        self.state = "created"
        self.meta = Meta(name=run.id)
        self.config: Mapping[str, Any] = {}
        self.events: tuple[Event, ...] = ()
        self.gone = False
        self._clock, self._monotonic = clock, monotonic
        self._streams: dict[str, StreamReader] = {}
        self._events = EventReader(run)
        self._stamps: dict[Path, tuple[int, int, int]] = {}
        self._beat: tuple[float, float] | None = None  # the last heartbeat, and when it was first seen here
        self._moved = False

    def refresh(self) -> bool:
        """Whether status, state, meta, config or events changed; streams are asked for themselves."""
        before = (self.state, self.gone)
        self.gone = not self.run.path.is_dir()
        changed = False
        if not self.gone:
            changed |= self._refresh_status()
            if self._is_new(self.run.meta):
                self.meta, changed = read_meta(self.run), True
            if self._is_new(self.run.config):
                self.config, changed = read_config(self.run), True
            if self._events.refresh():
                self.events, changed = tuple(self._events.events), True
        # Another host's clock may differ: there a heartbeat that was seen to move counts from when it was seen.
        seen = self._clock() - (self._monotonic() - self._beat[1]) if self._beat and self._moved else None
        self.state = derive_state(self.status, now=self._clock(), heartbeat_seen=seen)
        if self.gone and self.state in ACTIVE:
            self.state = "died"
        return changed or before != (self.state, self.gone)

    def _refresh_status(self) -> bool:
        if not self._is_new(self.run.status):
            return False
        try:
            found = json.loads(self.run.status.read_bytes())
        except (OSError, ValueError, RecursionError):
            return False  # the last good one stays
        status = parse_status(found)
        if self._beat is None or self._beat[0] != status.updated:
            self._moved = self._beat is not None
            self._beat = (status.updated, self._monotonic())
        changed, self.status = status != self.status, status
        return changed

    def _is_new(self, path: Path) -> bool:
        try:
            found = os.stat(path)
        except OSError:
            return False
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if self._stamps.get(path) == stamp:
            return False
        self._stamps[path] = stamp
        return True

    def stream(self, name: str) -> StreamReader:
        """The reader of a stream; it is refreshed by whoever wants it."""
        if name not in self._streams:
            self._streams[name] = StreamReader(self.run, name)
        return self._streams[name]

    def log_tail(self, lines: int = 200) -> list[str]:
        """The last lines of worker.log, safe to show; a bounded read, whatever the file holds."""
        try:
            with open(self.run.log, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - LOG_END))
                text = file.read(LOG_END).decode("utf-8", "replace")
        except OSError:
            return []
        found = text.split("\n")
        if size > LOG_END:
            found = found[1:] or found
        if found and not found[-1]:
            found.pop()
        # A progress bar rewrites its line with \r: what stands after the last one is what a terminal would show.
        return [clean(line.rstrip("\r").rsplit("\r", 1)[-1], LONGEST_LINE) for line in found[-lines:]]

    def checkpoints(self) -> list[CheckpointInfo]:
        """In the order of steps; a checkpoint without its file of weights is left out."""
        found = []
        try:
            names = os.listdir(self.run.checkpoints)
        except OSError:
            return []
        for name in names:
            if not name.endswith(".json") or name.startswith("."):
                continue
            weights = self.run.checkpoints / f"{name.removesuffix('.json')}.pt"
            try:
                note = json.loads((self.run.checkpoints / name).read_bytes())
                found.append(
                    CheckpointInfo(
                        step=int(note["step"]),
                        epoch=int(note.get("epoch", 0)),
                        path=weights,
                        val_loss=optional(note.get("val_loss")),
                        val_accuracy=optional(note.get("val_accuracy")),
                        best=note.get("best") is True,
                        time=float(note.get("time", 0.0)),
                    )
                )
            except (OSError, ValueError, TypeError, KeyError, RecursionError):
                continue
        return sorted((each for each in found if each.path.exists()), key=lambda each: each.step)


def optional(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None


def read_config(run: Run) -> Mapping[str, Any]:
    """run.toml as it stands; {} where it is missing or broken."""
    try:
        with open(run.config, "rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
