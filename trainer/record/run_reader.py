"""Reading a run, with state: status, metadata, configuration, events, streams, checkpoints, log."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtop.trainer.record import bounds
from gradtop.trainer.record.events import Event, EventReader
from gradtop.trainer.record.files import Stamp, look
from gradtop.trainer.record.layout import CONFIG, Run
from gradtop.trainer.record.log import last_log_lines, log_tail
from gradtop.trainer.record.meta import Meta, examine_meta
from gradtop.trainer.record.samples import SampleReader, TextSample
from gradtop.trainer.record.state import RunState
from gradtop.trainer.record.status import (
    DIED_AFTER,
    Status,
    derive_state,
    examine_status,
    is_alive,
    is_beating,
    is_doubtful,
)
from gradtop.trainer.record.streams.reader import StreamReader, list_ranks

if TYPE_CHECKING:
    from gradtop.trainer.record.checkpoints import CheckpointInfo


class RunReader:
    """`refresh` reads what has changed; all else returns what was read then. Invalid files raise nothing."""

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self.status = Status()
        self.state = RunState.CREATED
        self.meta = Meta(name=run.id)
        self.config: Mapping[str, Any] = {}
        self.events: tuple[Event, ...] = ()
        self.rare: tuple[Event, ...] = ()  # those of all that are no routine: changes, forks, resumes
        self.gone = False
        self.problems: Mapping[str, str] = {}  # by file name, why it cannot be read
        self._clock, self._monotonic = clock, monotonic
        self._streams: dict[tuple[str, int], StreamReader] = {}
        self._events, self._samples = EventReader(run), SampleReader(run)
        self._stamps = {path: Stamp(monotonic) for path in (run.status, run.meta, run.config)}
        self._beat: tuple[float, float] | None = None  # the newest heartbeat, and when it was first seen here
        self._moved = False

    def refresh(self) -> bool:
        """Whether status, state, metadata, configuration or events changed; streams are refreshed separately."""
        before = self._seen()
        self.gone = not os.path.isdir(self.run.path)
        if self._is_new(self.run.status):
            self._read_status()
        if self._is_new(self.run.meta):
            self.meta, why = examine_meta(self.run)
            self._note(self.run.meta, why)
        if self._is_new(self.run.config):
            self.config, why = examine_config(self.run)
            self._note(self.run.config, why)
        news = bool(self._events.refresh())
        if news:
            self.events, self.rare = tuple(self._events.events), tuple(self._events.rare)
        if self._events.unreadable != self.problems.get(self.run.events.name, ""):
            self._note(self.run.events, self._events.unreadable)
        state = self._derive()
        if state is RunState.DIED is not self.state:
            # It may have written how it ended, and ended, since its status was read.
            self._read_status()
            state = self._derive()
        self.state = state
        return news or before != self._seen()

    def look_twice(self) -> None:
        """For a caller that looks once, after `refresh`: where another host's clock may be wrong, see whether its heartbeat changes.

        Blocks for up to 2 s then, for a queued run 6 s.
        """
        if not is_doubtful(self.status, self._clock()):
            return
        if is_beating(self.run, self.status):
            self.refresh()
        else:
            self.state = RunState.DIED

    @property
    def clock_difference(self) -> float:
        """Seconds by which the clock of the run's host is ahead of this one's, where its heartbeat was seen to change; 0 below a minute."""
        ahead = self.status.updated - self._clock()
        return ahead if self._moved and abs(ahead) > DIED_AFTER and self.state.is_alive and is_alive(self.status) is None else 0.0

    def _seen(self) -> tuple[object, ...]:
        return self.state, self.status, self.meta, self.config, self.gone, self.problems

    def _derive(self) -> RunState:
        now = self._clock()
        seen = self.status.updated
        if self._beat is not None:
            # Once a heartbeat was seen to move, or for as long as it was seen to stand still, our own clock counts.
            here = now - (self._monotonic() - self._beat[1])
            seen = here if self._moved else min(seen, here)
        return derive_state(self.status, now=now, heartbeat_seen=seen)

    def _note(self, path: Path, why: str) -> None:
        others = {name: problem for name, problem in self.problems.items() if name != path.name}
        self.problems = {**others, path.name: why} if why else others

    def _read_status(self) -> None:
        status, why = examine_status(self.run)
        self._note(self.run.status, why)
        if why and self._beat is not None:
            return  # the last good one stays
        if why:
            self.status = status
            return
        if self._beat is None or self._beat[0] != status.updated:
            self._moved = self._beat is not None
            self._beat = (status.updated, self._monotonic())
        self.status = status

    def _is_new(self, path: Path) -> bool:
        try:
            return self._stamps[path].moved(look(path))
        except FileNotFoundError:
            return not self.gone and not self._stamps[path].was_there and path.name not in self.problems
        except OSError:
            return True  # reading it says why

    def stream(self, name: str, rank: int = 0) -> StreamReader:
        """The reader of a stream of one rank; the caller refreshes it."""
        reader = self._streams.get((name, rank))
        if reader is None:
            reader = self._streams[name, rank] = StreamReader(self.run, name, rank=rank)
        return reader

    def ranks(self, name: str) -> list[StreamReader]:
        """The readers of a stream, for each rank that has written it."""
        return [self.stream(name, rank) for rank in list_ranks(self.run, name)]

    def samples(self) -> list[TextSample]:
        """The texts that a language model generated, in order of steps; the same list as long as the file is the same."""
        return self._samples.read()

    def log_tail(self, lines: int = 200) -> list[str]:
        return log_tail(self.run, lines)

    def last_log_lines(self, lines: int) -> tuple[str, ...]:
        return last_log_lines(self.run, lines)

    def checkpoints(self) -> list[CheckpointInfo]:
        """Checkpoints in order of steps; those without a file of weights are omitted.

        The best one is that by the monitored metric (the first of equals). It is determined here, as a worker that is killed leaves old flags.
        """
        from gradtop.trainer.record.checkpoints import checkpoints_of_run

        try:
            found = checkpoints_of_run(self.run)
        except bounds.Unreadable as error:
            self._note(self.run.checkpoints, str(error))
            return []
        if self.run.checkpoints.name in self.problems:
            self._note(self.run.checkpoints, "")
        return found

    def forkable(self) -> list[CheckpointInfo]:
        """The checkpoints that a fork can start from; for a fork without any yet, the one that it started from itself."""
        from gradtop.trainer.record.checkpoints import origin_of_run

        return self.checkpoints() or origin_of_run(self.run)


def read_config(run: Run) -> Mapping[str, Any]:
    """The tables of run.toml; {} if it is missing or invalid."""
    return examine_config(run)[0]


def examine_config(run: Run) -> tuple[Mapping[str, Any], str]:
    """The tables as in `read_config`, and why they cannot be read: "" where they can."""
    try:
        return bounds.read_toml(run.file(CONFIG)), ""
    except bounds.Unreadable as error:
        return {}, str(error)
