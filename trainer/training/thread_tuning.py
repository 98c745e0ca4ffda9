"""Fewer threads for a training whose pace collapses because others want its cores; only where the number was left to us.

Threads that share an operation wait for the slowest of them. Where another process takes a core, the one that runs there is
late at every operation, and a training falls to a tenth; with fewer threads than cores it keeps most of its pace.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import torch

from gradtop.trainer.record import EventKind
from gradtop.trainer.runtime.threads import use_threads

if TYPE_CHECKING:
    from gradtop.trainer.training.session import Session

EVERY = 0.5  # seconds between two readings
COLLAPSED = 3.0  # times slower than the best before anything is tried
WINDOW = 20  # readings that make a level: what is shorter passes by itself
SETTLE, TRIAL = 3, 8  # readings: of a trial that do not count, as the pace is a mean of the last second; of all of it
FASTER = 1.1  # what a trial must bring to be kept
# Seconds that all threads waited for a core, in each second: others want the cores; they have most of them, so that a trial is
# worth while although this run has never been faster.
CROWDED, STARVED = 0.1, 0.5  # the latter for each thread
RETRY, LONGEST_RETRY = 60.0, 3600.0  # seconds until the next trial; doubled after each that brought nothing


@dataclass(frozen=True, slots=True)
class Tuned:
    """A number of threads to change to (0 for the default) from the one `before`, or to keep, and the paces that led to it."""

    threads: int
    before: int
    pace: float
    pace_before: float


class ThreadTuner:
    """`look` is called between two steps and costs nothing to speak of; it says when to change the number of threads.

    `pace` gives samples per second, nan while unknown; `waited` the seconds that the threads of this process have waited for a core.
    """

    def __init__(
        self, default: int, *, pace: Callable[[], float], clock: Callable[[], float], waited: Callable[[], float] | None = None
    ) -> None:
        self._default = default  # threads that 0 stands for
        self._pace, self._clock, self._waited = pace, clock, waited or seconds_waited
        self.chosen = 0  # threads that it has set; 0 for the default
        self._before = (0, math.nan)  # threads and pace before the trial at hand
        self._trial: list[float] | None = None  # its readings
        self._readings: deque[float] = deque(maxlen=WINDOW)
        self._best = 0.0
        self._next = -math.inf
        self._rests_until = -math.inf
        self._retry = RETRY
        self._wait = (clock(), self._waited())  # when the readings began: the time, and the seconds waited until then

    def look(self, threads: int) -> Tuned | None:
        """`threads` is what the configuration says; anything but 0 is the user's and stays."""
        now = self._clock()
        if now < self._next:
            return None
        self._next = now + EVERY
        if threads:
            return None
        pace = self._pace()
        if not pace > 0:
            return None
        return self._watch(now, pace) if self._trial is None else self._judge(self._trial, now, pace)

    def give_way(self) -> None:
        """The user has set the number of threads: what was tried or found before holds no more."""
        self.chosen, self._trial = 0, None
        self._begin(self._clock())

    def _begin(self, now: float) -> None:
        self._readings.clear()
        self._wait = now, self._waited()

    def _watch(self, now: float, pace: float) -> Tuned | None:
        self._readings.append(pace)
        if len(self._readings) < WINDOW or now < self._rests_until:
            return None
        level = median(self._readings)
        if self.chosen:
            # Others may have gone: see whether the default is faster again.
            return self._try(0, level)
        self._best = max(self._best, level)
        if self._default < 2:
            return None
        since, before = self._wait
        waited = (self._waited() - before) / (now - since)
        self._begin(now)
        starved = waited >= STARVED * self._default
        collapsed = waited >= CROWDED and level * COLLAPSED <= self._best
        return self._try(self._default // 2, level) if starved or collapsed else None

    def _try(self, threads: int, level: float) -> Tuned:
        before, self.chosen = self.chosen, threads
        self._before = before, level
        self._trial = []
        return Tuned(threads, before, math.nan, level)

    def _judge(self, trial: list[float], now: float, pace: float) -> Tuned | None:
        trial.append(pace)
        if len(trial) < TRIAL:
            return None
        before, level = self._before
        found = median(trial[SETTLE:])
        self._trial = None
        self._begin(now)
        if found < level * FASTER:
            tried, self.chosen = self.chosen, before
            self._rests_until, self._retry = now + self._retry, min(self._retry * 2, LONGEST_RETRY)
            return Tuned(before, tried, found, level)
        if self.chosen > 1 and found * COLLAPSED < self._best:
            return self._try(self.chosen // 2, found)
        self._rests_until = now + self._retry
        return Tuned(self.chosen, self.chosen, found, level)


def tune_threads(session: Session) -> None:
    """Try, keep or take back another number of threads where the pace has collapsed.

    The configuration keeps its 0: a fork or a rerun of this run begins with the default on a machine that may be idle.
    """
    tuned = session.thread_tuner.look(session.config.training.threads) if session.thread_tuner is not None else None
    if tuned is None:
        return
    key = "training.threads"
    changed = tuned.threads != tuned.before
    changes, old = ({key: tuned.threads}, {key: tuned.before}) if changed else ({}, {})
    if changed:
        use_threads(tuned.threads or session.default_threads)
        session.progress.update(threads=torch.get_num_threads())
    session.writer.event(
        EventKind.THREADS,
        step=session.step,
        threads=tuned.threads,
        changes=changes,
        old=old,
        pace=tuned.pace,
        pace_before=tuned.pace_before,
        tokens_per_sample=session.progress.status.tokens_per_sample,
    )


def seconds_waited() -> float:
    """The time that the threads of this process were ready to run and had no core; inf where the system does not tell."""
    waited = []
    try:
        for thread in Path("/proc/self/task").iterdir():
            # One that has ended since it was listed waits for nothing any more.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                waited.append(int((thread / "schedstat").read_text().split()[1]))
    except (OSError, ValueError, IndexError):
        return math.inf
    return sum(waited) / 1e9 if waited else math.inf
