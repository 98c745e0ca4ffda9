"""The writer that a worker uses: a thread and a bounded queue; trouble costs telemetry, never a training step."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trainer.record.events import append_event
from trainer.record.layout import Run
from trainer.record.status import Status, write_status
from trainer.record.streams import Column, SegmentWriter, ShortWrite

WRITE_EVERY = 0.1
LOOK_EVERY = 2.0


@dataclass
class _Opening:
    columns: tuple[Column, ...]
    first_step: int
    extra: Mapping[str, object]
    rollup: bool
    writer: SegmentWriter | None = None


class StreamWriter:
    """Records, events and status of one run, written every 100 ms; nothing here raises or waits, but `flush` and `close`.

    What cannot be written is counted in `dropped`; the first reason is kept in `trouble` and told to `on_loss` once, in the
    writer's thread; writing is tried again with each batch, so that it goes on when there is room again.
    """

    def __init__(self, run: Run, *, maximum: int = 8192, on_loss: Callable[[str], None] | None = None) -> None:
        self.dropped = 0
        self.trouble = ""
        self._run, self._maximum, self._on_loss = run, maximum, on_loss
        self._queue: deque[tuple[str, object]] = deque()
        self._streams: dict[str, _Opening] = {}
        self._status: Status | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._drained = threading.Condition(self._lock)
        self._asked = self._answered = 0
        self._closed = False
        self._looked = 0.0
        self._thread = threading.Thread(target=self._work, name="gradtop-writer", daemon=True)
        self._thread.start()

    # From the training thread

    def open(
        self,
        stream: str,
        columns: Sequence[Column],
        *,
        first_step: int = 0,
        extra: Mapping[str, object] | None = None,
        rollup: bool = True,
    ) -> None:
        """Declare a stream; with other columns, or once more, it goes on in a new segment."""
        self._queue.append(("open", (stream, _Opening(tuple(columns), first_step, extra or {}, rollup))))

    def put(self, stream: str, step: int, time: float, values: Sequence[float]) -> None:
        self._put(stream, [(step, time, *values)])

    def put_many(self, stream: str, rows: Sequence[Sequence[float]]) -> None:
        """Rows of `step, time, values…`; they must not be changed afterwards."""
        if rows:
            self._put(stream, rows)

    def _put(self, stream: str, rows: Sequence[Sequence[float]]) -> None:
        if len(self._queue) >= self._maximum:
            self._lose(len(rows), "the disk is slower than the run")
            return
        self._queue.append((stream, rows))

    def event(self, kind: str, **fields: object) -> None:
        """Append to events.jsonl, at once."""
        self._queue.append(("event", (kind, {"time": time.time(), **fields})))
        self._wake.set()

    def status(self, status: Status) -> None:
        """Replace status.json with the newest of what was given, within 100 ms."""
        self._status = status

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything given so far is written (or lost); False when that took longer."""
        if not self._thread.is_alive():
            return False
        with self._drained:
            self._asked += 1
            asked = self._asked
            self._wake.set()
            return self._drained.wait_for(lambda: self._answered >= asked, timeout)

    def close(self, timeout: float = 5.0) -> bool:
        done = self.flush(timeout)
        self._closed = True
        self._wake.set()
        self._thread.join(timeout)
        return done

    # In the writer's thread

    def _work(self) -> None:
        while True:
            self._wake.wait(WRITE_EVERY)
            self._wake.clear()
            asked, closed = self._asked, self._closed
            self._write()
            if asked > self._answered:
                with self._drained:
                    self._answered = asked
                    self._drained.notify_all()
            if closed:
                break
        for opening in self._streams.values():
            if opening.writer is not None:
                opening.writer.close()

    def _write(self) -> None:
        batch: dict[str, list[Sequence[float]]] = {}
        for _ in range(len(self._queue)):
            kind, what = self._queue.popleft()
            if kind == "open":
                stream, opening = what  # type: ignore[misc]
                self._append(stream, batch.pop(stream, []))
                before = self._streams.get(stream)
                if before is not None and before.writer is not None:
                    before.writer.close()
                self._streams[stream] = opening
                self._append(stream, [])  # the segment's schema is there as soon as the stream is declared
            elif kind == "event":
                name, fields = what  # type: ignore[misc]
                try:
                    append_event(self._run, name, **fields)
                except OSError as error:
                    self._lose(1, explain(error))
            else:
                batch.setdefault(kind, []).extend(what)  # type: ignore[arg-type]
        for stream, rows in batch.items():
            self._append(stream, rows)
        self._look_for_deletion()
        status, self._status = self._status, None
        if status is not None:
            try:
                write_status(self._run, dataclasses.replace(status, dropped=self.dropped))
            except OSError as error:
                self._lose(0, explain(error))

    def _append(self, stream: str, rows: Sequence[Sequence[float]]) -> None:
        opening = self._streams.get(stream)
        if opening is None:
            self._lose(len(rows), f"the stream {stream} was never declared")
            return
        try:
            if opening.writer is None:
                opening.writer = SegmentWriter(
                    self._run, stream, opening.columns, first_step=opening.first_step, extra=opening.extra, rollup=opening.rollup
                )
            if rows:
                opening.writer.append_many(rows)
        except ShortWrite as error:
            self._lose(len(rows) - error.written, explain(error))
        except (OSError, ValueError) as error:
            self._lose(len(rows), explain(error))

    def _look_for_deletion(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        for opening in self._streams.values():
            if opening.writer is not None and opening.writer.is_gone():
                self._lose(0, "the run directory was deleted")
                opening.writer.close()
                opening.writer = None

    def _lose(self, records: int, why: str) -> None:
        self.dropped += records
        if not self.trouble:
            self.trouble = f"telemetry is being lost, training goes on: {why}"
            if self._on_loss is not None:
                self._on_loss(self.trouble)


def explain(error: Exception) -> str:
    """An error in the words of the system, without the path of the file."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
