"""The leases of open screens, read in a thread beside the training."""

from __future__ import annotations

import math
import threading
import time

from gradtop.trainer.record import Lease, Run, read_leases
from gradtop.trainer.record.lease import STALE, remove_stale_leases

# The histogram of a newly selected parameter appears within a second; one look takes about 30 µs.
LOOK_EVERY = 0.5
LOOK_AGAIN = 0.1  # while a screen shows parameters one at a time: what is shown changes with each key


class Viewers(threading.Thread):
    """Returns the lease of all screens together when called; a thread of its own, as a network file system may be slow."""

    def __init__(self, run: Run, *, every: float = LOOK_EVERY) -> None:
        super().__init__(name="leases", daemon=True)
        self._run = run
        self._every = every
        self._end = threading.Event()
        self._lease = Lease()

    def __call__(self) -> Lease:
        return self._lease

    def run(self) -> None:
        tidied = -math.inf
        while not self._end.wait(min(self._every, LOOK_AGAIN) if self._lease.parameters else self._every):
            now = time.time()
            self._lease = read_leases(self._run, now)
            if abs(now - tidied) > STALE:
                tidied = now
                remove_stale_leases(self._run, now)

    def close(self) -> None:
        self._end.set()
