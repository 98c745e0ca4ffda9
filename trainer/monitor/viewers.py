"""Who is looking: the leases of the screens, read beside the training."""

from __future__ import annotations

import threading
import time

from gradtop.trainer.record import Lease, Run, read_leases

# Who walks through the layers sees the next one within a second; a look costs some 30 µs.
LOOK_EVERY = 0.5


class Viewers(threading.Thread):
    """Keeps what all screens together show; a thread of its own, as a network file system may take its time."""

    def __init__(self, run: Run, *, every: float = LOOK_EVERY) -> None:
        super().__init__(name="leases", daemon=True)
        self._run = run
        self._every = every
        self._end = threading.Event()
        self._lease = Lease()

    def __call__(self) -> Lease:
        return self._lease

    def run(self) -> None:
        while not self._end.wait(self._every):
            self._lease = read_leases(self._run, time.time())

    def close(self) -> None:
        self._end.set()
