"""The writer of a worker: a thread with a bounded queue; write errors cost telemetry, never a training step."""

from __future__ import annotations

import threading
import time as clock
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradtop.trainer.record.events import EventKind, append_lines, encoded_event
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.place import Location
from gradtop.trainer.record.reserve import NO_ROOM, drop_reserve, keep_reserve, write_in_any_case
from gradtop.trainer.record.samples import TextSample, append_sample
from gradtop.trainer.record.status import Status, write_status
from gradtop.trainer.record.streams.open_streams import Opening, OpenStreams, Row, reason_of
from gradtop.trainer.record.streams.registry import REGISTRY, Column
from gradtop.trainer.record.writing import write_atomically

WRITE_EVERY = 0.1
APART = 0.05  # seconds between two writes of which the second is for an epoch's event: epochs may last less
LOOK_EVERY = 2.0
MOST_VALUES = 1_000_000  # that wait in the queue while the disk does not answer: 32 MB
NEEDED = frozenset({EventKind.COMMAND, EventKind.END})  # events that a full disk must not swallow


@dataclass(frozen=True)
class _Event:
    kind: str
    fields: Mapping[str, object]


@dataclass(frozen=True)
class _Replacement:
    """The new content of a file of the run."""

    name: str
    text: Callable[[], str]


class StreamWriter:
    """Writes records, events and status of one run every 100 ms; no method raises or blocks, except `flush` and `close`.

    Records that cannot be written are counted in `dropped`; the first reason is kept in `trouble` and passed to `on_loss` once, in the
    writer's thread. Each batch is tried again, so that writing continues once there is disk space.
    """

    def __init__(
        self,
        run: Run,
        *,
        rank: int = 0,
        maximum: int = 8192,
        on_loss: Callable[[str], None] | None = None,
        on_place: Callable[[Location], object] = lambda _: None,
    ) -> None:
        """`maximum`: records in the queue, fewer for streams with many columns. `rank` of a distributed run is part of segment names.

        `on_place` is called in the writer's thread when the run directory was moved, which the writer follows, and once when it is gone.
        """
        self.dropped = 0
        self.trouble = ""
        self.run, self.rank, self._maximum, self._on_loss = run, rank, maximum, on_loss
        self._queue: deque[tuple[str, Row] | Opening | _Event | _Replacement | TextSample] = deque()
        self._room: dict[str, int] = {}  # stream -> how long the queue may be for a record of it to be taken
        self._streams = OpenStreams(run, rank, self._lose, on_place)
        self._status: deque[Status] = deque(maxlen=1)
        self._replacements: dict[str, Callable[[], str]] = {}  # that have been taken from the queue, by the name of the file
        self._status_due = self._look_due = self._wrote = 0.0
        self._reported = False
        self._losing = threading.Lock()
        self._wake = threading.Event()
        self._written = threading.Condition()
        self._asked = self._answered = 0
        self._finished = False  # all that was queued is written or dropped, and the thread has come to its end
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="gradtop-writer", daemon=True)
        self._thread.start()

    # From any thread

    def open(
        self,
        stream: str,
        columns: Sequence[Column] | None = None,
        *,
        first_step: int = 0,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Open a stream; `columns` are by default those of its declaration.

        Opened again, it continues in a new segment, which replaces older records from `first_step` on.
        """
        if self._closed:
            return
        declared = REGISTRY.get(stream)
        if columns is None:
            columns = declared.columns if declared is not None else ()
        rollup = declared is None or declared.rollup
        self._room[stream] = min(self._maximum, max(64, MOST_VALUES // (len(columns) + 2)))
        self._queue.append(Opening(stream, tuple(columns), first_step, extra or {}, rollup))
        self._wake.set()

    def put(self, stream: str, step: int, time: float, values: Sequence[float]) -> None:
        """Record the values of a stream's columns at a step."""
        try:
            if len(self._queue) < self._room[stream]:
                self._queue.append((stream, (step, time, *values)))
                return
        except (KeyError, TypeError):
            self._lose(1, f"{stream} takes no such record")
            return
        self._lose(1, "the disk is slower than the run")

    def put_many(self, stream: str, rows: Sequence[Row]) -> None:
        """Record rows of `step, time, values…`."""
        if len(self._queue) + len(rows) <= self._room.get(stream, 0):
            self._queue.extend([(stream, row) for row in rows])
        elif stream in self._room:
            self._lose(len(rows), "the disk is slower than the run")
        else:
            self._lose(len(rows), f"{stream} takes no such record")

    def event(self, kind: str, /, **fields: object) -> None:
        """Append an event to events.jsonl, without waiting for the next write, unless it is an epoch's and the last write was just now."""
        if len(self._queue) < 2 * self._maximum and not self._closed:
            self._queue.append(_Event(kind, {"time": clock.time(), **fields}))
            if kind != EventKind.EPOCH or clock.monotonic() >= self._wrote + APART:
                self._wake.set()
        else:
            self._lose(1, "the disk is slower than the run")

    def replace(self, name: str, text: Callable[[], str]) -> None:
        """Replace a file of the run directory atomically within 100 ms; of several contents, the newest is written, and only that one is made."""
        if len(self._queue) < self._maximum and not self._closed:
            self._queue.append(_Replacement(name, text))
        else:
            self._lose(1, "the disk is slower than the run")

    def sample(self, sample: TextSample) -> None:
        """Append a generated text to samples.jsonl."""
        if len(self._queue) < 2 * self._maximum and not self._closed:
            self._queue.append(sample)
            self._wake.set()
        else:
            self._lose(1, "the disk is slower than the run")

    def status(self, status: Status) -> None:
        """Replace status.json within 100 ms; of several, the newest is written."""
        self._status.append(status)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything queued so far is written or dropped; False if that takes more than `timeout` seconds or the thread has ended."""
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return False
        with self._written:
            self._asked += 1
            requested = self._asked
            self._wake.set()
            return self._written.wait_for(lambda: self._answered >= requested, timeout)

    def look(self) -> None:
        """Look now whether the run directory was moved, for somebody else who did not find it."""
        self._look_due = 0.0
        self.flush()

    def close(self, timeout: float = 5.0) -> bool:
        """Write what is queued and end the thread; False if that takes more than `timeout` seconds. May be called again."""
        until = clock.monotonic() + timeout
        self._closed = True
        self._room = {}  # what comes later is lost, and counted
        done = self.flush(timeout)
        self._wake.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(max(0.0, until - clock.monotonic()))
        return (done or self._finished) and not self._thread.is_alive()

    def _lose(self, records: int, why: str) -> None:
        with self._losing:
            self.dropped += records
            if not self.trouble:
                self.trouble = f"some telemetry could not be written ({why}); training goes on"

    # In the writer's thread

    def _work(self) -> None:
        last = False
        while not last:
            self._wake.wait(WRITE_EVERY)
            self._wake.clear()
            last, requested = self._closed, self._asked
            try:
                self._write(whole=last or requested > self._answered)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong here costs telemetry and is reported; the thread goes on
                self._lose(1, reason_of(error))
            self._report()
            with self._written:
                self._answered = requested
                self._written.notify_all()
        self._streams.close()
        if not self.rank:
            drop_reserve(self.run)
        with self._written:
            self._answered = self._asked
            self._finished = True
            self._written.notify_all()

    def _report(self) -> None:
        if self.trouble and not self._reported and self._on_loss is not None:
            self._reported = True
            try:
                self._on_loss(self.trouble)
            except Exception as error:  # noqa: BLE001 - the log may be on the full disk
                self._lose(0, reason_of(error))

    def _write(self, *, whole: bool) -> None:
        self._wrote = clock.monotonic()
        rows: dict[str, list[Row]] = {}
        events: list[_Event] = []
        for _ in range(len(self._queue)):
            item = self._queue.popleft()
            if isinstance(item, TextSample):
                self._append_sample(item)
            elif isinstance(item, tuple):
                stream, row = item
                if stream in rows:
                    rows[stream].append(row)
                else:
                    rows[stream] = [row]
            elif isinstance(item, _Event):
                events.append(item)
            elif isinstance(item, _Replacement):
                self._replacements[item.name] = item.text
            else:
                self._streams.append(item.stream, rows.pop(item.stream, []))
                self._streams.begin(item)
        for stream, several in rows.items():
            self._streams.append(stream, several)
        self._append_events(events)
        now = clock.monotonic()
        if now >= self._look_due:
            self._look_due = now + LOOK_EVERY
            self._streams.look_for_deletion()
            if not self.rank:
                keep_reserve(self.run)
        if (self._status or self._replacements) and (whole or now >= self._status_due):
            self._status_due = now + WRITE_EVERY
            for name in list(self._replacements):
                self._replace(name, self._replacements.pop(name))
            if self._status:
                self._write_status()

    def _append_events(self, events: Sequence[_Event]) -> None:
        """In one write; those of a full disk that must be there, one by one."""
        lines: list[tuple[str, bytes]] = []
        for event in events:
            try:
                lines.append((event.kind, encoded_event(event.kind, event.fields)))
            except Exception as error:  # noqa: BLE001 - a field may be anything, and its text fail in any way
                self._lose(1, reason_of(error))
        if not lines:
            return
        try:
            self._streams.where_it_is(lambda: append_lines(self.run, b"".join(line for _, line in lines)))
        except OSError as error:
            if error.errno not in NO_ROOM:
                self._lose(len(lines), reason_of(error))
                return
            for kind, line in lines:
                self._append_to_full_disk(kind, line)

    def _append_to_full_disk(self, kind: str, line: bytes) -> None:
        def append() -> None:
            self._streams.where_it_is(lambda: append_lines(self.run, line))

        try:
            if kind in NEEDED:
                write_in_any_case(self.run, append)
            else:
                append()
        except OSError as error:
            self._lose(1, reason_of(error))

    def _replace(self, name: str, text: Callable[[], str]) -> None:
        content = text()
        try:
            self._streams.where_it_is(lambda: write_atomically(self.run.path, self.run.path / name, content))
        except OSError as error:
            self._lose(1, reason_of(error))

    def _append_sample(self, sample: TextSample) -> None:
        try:
            self._streams.where_it_is(lambda: append_sample(self.run, sample))
        except OSError as error:
            self._lose(1, reason_of(error))

    def _write_status(self) -> None:
        status = self._status.popleft()
        try:
            self._streams.where_it_is(lambda: write_status(self.run, status._replace(dropped=self.dropped)))
        except OSError as error:
            self._lose(0, reason_of(error))
