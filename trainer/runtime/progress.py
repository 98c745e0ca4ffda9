"""The status of a run: set by the training thread, written by a heartbeat thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from gradtop.trainer.record import Status, StreamWriter


class Stopwatch:
    """Seconds spent training without pauses, including those of earlier processes."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        since = self._since
        return self._before + (self._clock() - since if since is not None else 0.0)

    def go(self) -> None:
        if self._since is None:
            self._since = self._clock()

    def halt(self) -> None:
        self._before, self._since = self.seconds, None

    def state_dict(self) -> dict[str, float]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        self._before = state["seconds"]


class Progress:
    """The newest status of a run; every method may be called from any thread."""

    def __init__(self, status: Status, writer: StreamWriter, *, clock: Callable[[], float] = time.time) -> None:
        self._status = status
        self._writer = writer
        self._clock = clock
        self._lock = threading.Lock()
        self.gauges: Callable[[], Mapping[str, object]] = dict

    @property
    def status(self) -> Status:
        return self._status

    def update(self, **fields: object) -> Status:
        """Set fields, add the values of the gauges, and pass the status to the writer."""
        with self._lock:
            now = self._clock()
            changed = {**self.gauges(), "updated": now, "dropped": self._writer.dropped, **fields}
            if not self._status.warning and self._writer.trouble:
                changed.setdefault("warning", self._writer.trouble)
            self._status = self._status._replace(**changed)  # type: ignore[arg-type]
            self._writer.status(self._status)
            return self._status


class Heartbeat:
    """Writes the status twice a second, also during long steps; also calls `besides`."""

    def __init__(self, progress: Progress, *, every: float = 0.5, besides: Callable[[], object] = lambda: None) -> None:
        self._progress = progress
        self._besides = besides
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join(timeout=2.0)

    def _beat(self) -> None:
        while not self._end.wait(self._every):
            self._progress.update()
            self._besides()
