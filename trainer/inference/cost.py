"""What a model costs: the time of a forward pass, and the size of its weights in a file."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import torch

from gradtop.trainer.training.trial_steps import wait_for

WARM_CALLS, WARM_SECONDS = 3, 0.05  # of each, at least, before any is timed
TURN = 0.002  # seconds of one turn at least: the clock and a switch between models must not count
LEAST_ROUNDS, MOST_ROUNDS = 5, 1000
UNDISTURBED, LEAST_COUNTED = 4, 3  # one in so many turns, on a crowded machine
AGREE = 1.3  # how many times as long the one half may take
PATIENCE = 10  # times as long as without another load on the machine, before fewer rounds must do
CHUNK = 1 << 20
LEVEL = 6  # of zlib, as gzip and zip use it


def latency(
    forward_by_name: Mapping[str, Callable[[], object]], *, device: torch.device | None = None, seconds: float = 0.5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """The time of a call in seconds, by name: the median of the fastest quarter of its turns, as another load on the machine only ever
    makes one longer, some of them a hundred times. NaN where so many were held up that one half of the turns tells another time than the
    other. Each is warm before any is timed.

    They take turns, each round in another order, so that another load on the machine meets all alike; each is timed for about `seconds`, longer
    where other processes keep it waiting, and in `LEAST_ROUNDS` rounds at least. Of a `device` that works asynchronously, until the work is done. Gradients are not recorded.
    """
    where = device or torch.device("cpu")

    def timed(forward: Callable[[], object], calls: int) -> float:
        began = clock()
        for _ in range(calls):
            forward()
        wait_for(where)
        return clock() - began

    names = list(forward_by_name)
    with torch.no_grad():
        fastest = {name: _warm(forward_by_name[name], timed) for name in names}
        calls = {name: max(1, round(TURN / call)) for name, call in fastest.items()}
        turns: dict[str, list[float]] = {name: [] for name in names}
        # By the fastest call: waiting for the processor is no reason for fewer rounds.
        wanted = max((seconds / (calls[name] * fastest[name]) for name in names), default=0.0)
        spent = dict.fromkeys(names, 0.0)
        for number in range(min(max(round(wanted), LEAST_ROUNDS), MOST_ROUNDS)):
            if number >= LEAST_ROUNDS and max(spent.values()) >= PATIENCE * seconds:
                break
            begin = number % max(len(names), 1)
            for name in names[begin:] + names[:begin]:
                taken = timed(forward_by_name[name], calls[name])
                spent[name] += taken
                turns[name].append(taken / calls[name])
    return {name: _undisturbed(turns[name]) for name in names}


def _undisturbed(turns: Sequence[float]) -> float:
    halves = [median(sorted(turns[half::2])[: max(len(turns) // (2 * UNDISTURBED), 1)]) for half in (0, 1)]
    if max(halves) > AGREE * min(halves):
        return math.nan
    return median(sorted(turns)[: max(len(turns) // UNDISTURBED, LEAST_COUNTED)])


def _warm(forward: Callable[[], object], timed: Callable[[Callable[[], object], int], float]) -> float:
    """Call it until it is warm; returns the time of the fastest call."""
    taken: list[float] = []
    while len(taken) < WARM_CALLS or (sum(taken) < WARM_SECONDS and len(taken) < MOST_ROUNDS):
        taken.append(timed(forward, 1))
    return max(min(taken), 1e-9)


def file_sizes(path: Path) -> tuple[int, int]:
    """The bytes of a file, and how many zlib makes of it. Raises OSError."""
    counted = _Counted()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            counted.write(chunk)
    return counted.sizes()


def saved_sizes(state: object) -> tuple[int, int]:
    """The bytes of the file that `torch.save` makes of a state, and how many zlib makes of that; writes none."""
    counted = _Counted()
    torch.save(state, counted)  # type: ignore[arg-type]
    return counted.sizes()


class _Counted:
    """A file that keeps nothing of what is written to it but its size, as it is and compressed."""

    def __init__(self) -> None:
        self._bytes = self._compressed = 0
        self._zlib = zlib.compressobj(LEVEL)

    def write(self, data: bytes) -> int:
        self._bytes += len(data)
        self._compressed += len(self._zlib.compress(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing to flush."""

    def sizes(self) -> tuple[int, int]:
        return self._bytes, self._compressed + len(self._zlib.flush())
