"""How fast a run trains, in the last minute and at its best, and how long the rest will take."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile, pairwise
from typing import Any
from weakref import WeakKeyDictionary

from gradtop.trainer.metrics import UNCOUNTED
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Event, EventKind, RunReader, Series, Status, effective
from gradtop.trainer.record.streams.registry import SAMPLES_PER_S, STEPS
from gradtop.trainer.record.streams.segment import Segment

MINUTE = 60.0
LOOKS = 24  # records of the last minute that are read
SUSTAINED = 5.0  # seconds: a pace that was kept for less is not the best of a run
BINS = 240
SLOW = 2.0  # how many times slower than its best a run is before that is worth a word
FRESH = 1.0  # seconds of training for which what was found holds
EVALUATIONS_BACK = 3  # evaluations that are timed
YOUNG = 4  # looks: with fewer, single steps tell the pace, so that one that compiled is passed over
STEPS_BACK = 16  # of which the median is taken then
FEWEST = 3
WARM_UP = 3  # steps in which a process, or another kind of step, may compile and warm up
KNOWN = 10  # steps whose mean pace is an estimate until there is a better one
# A live change of one of these makes a step another amount of work.
WORK = ("augment.", "freeze.", "model.", "training.")
SAME_WORK = frozenset({"training.threads", "training.epochs", "training.steps", "training.checkpoint_every"})


class Pace(NamedTuple):
    """Samples per second of training alone, without evaluations and pauses: mean of the last minute, and the best that was kept.

    nan where unknown. `left` is the expected time to the last step in seconds, evaluations included.
    """

    recent: float = math.nan
    best: float = math.nan
    left: float | None = None

    @property
    def slowdown(self) -> float:
        """How many times slower than at its best the run is; 0 where it is not far from it."""
        factor = self.best / self.recent if self.recent > 0 else math.nan
        return factor if factor >= SLOW else 0.0


def pace_of(reader: RunReader) -> Pace:
    """The pace as its stream of steps, which the caller has refreshed, tells it; asked again, it reads only what is new."""
    tracker = TRACKERS.get(reader)
    if tracker is None:
        tracker = TRACKERS[reader] = Tracker()
    return tracker.read(reader)


class Tracker:
    """Keeps some records of the last minute of one run."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, float]] = deque()  # time, samples per second
        self._of: tuple[Segment | None, float] = (None, 0.0)
        self._start = 0  # number of the record that the looks begin with
        self._found = Pace()
        self._until: tuple[Segment | None, Sequence[Event], int, float] = (None, (), 0, -math.inf)  # of which segment, events and length, up to when
        self._gaps: dict[float, float] = {}  # seconds between the last step of an epoch and the next step

    def read(self, reader: RunReader) -> Pace:
        status = reader.status
        # What an earlier process measured, maybe on another machine, is no measure for this one.
        segments = [each for each in reversed(reader.stream(STEPS).segments) if each.valid]
        segment = segments[0] if segments else None
        place = segment.places.get(SAMPLES_PER_S) if segment is not None else None
        newest = segment.row(segment.valid - 1) if segment is not None else None
        if segment is None or place is None or newest is None:
            return Pace(left=mean_seconds_left(status))
        seen, events, steps, until = self._until
        if seen is not segment or events is not reader.rare or steps != status.steps or not until <= newest[1] < until + (FRESH if len(self._looks) >= YOUNG else 0):
            self._found, self._until = self._measure(reader, segments, place, newest), (segment, reader.rare, status.steps, newest[1])
        return self._found

    def _measure(self, reader: RunReader, segments: Sequence[Segment], place: int, newest: Sequence[float]) -> Pace:
        """`segments`: the newest first, which has the pace at `place`."""
        status, segment = reader.status, segments[0]
        work, threads = last_changes(reader.rare, segment.first_step)
        since = max(work, threads)
        recent = self._recent(segment, place, newest, since)
        series = reader.stream(STEPS).series(SAMPLES_PER_S, bins=BINS, first=work, last=float(max(status.steps, 1)))
        samples = samples_per_step(reader)
        best = sustained(series, samples) if samples else math.nan
        step = max(status.step, int(newest[0]))
        if status.steps <= step:
            return Pace(recent, best)
        if not samples:
            return Pace(recent, best, mean_seconds_left(status))
        seconds = samples / recent if recent > 0 and len(self._looks) >= YOUNG else seconds_of_a_step(segment, since)
        if seconds is None:
            return Pace(recent, best, mean_seconds_left(status) if since - 1 - status.began >= KNOWN else None)
        left = (status.steps - step) * seconds
        if every := steps_between_evaluations(reader):
            evaluations = -(-status.steps // every) - step // every
            left += evaluations * self._evaluation(segments, step, every, samples)
        return Pace(recent, best, left)

    def _recent(self, segment: Segment, place: int, newest: Sequence[float], since: float) -> float:
        time, value = newest[1], newest[place]
        if self._of != (segment, since) or (self._looks and time < self._looks[-1][0]):
            self._of, self._start = (segment, since), segment.place_of(since)
            self._looks = deque(looked_back(segment, place, time, since))
            self._gaps.clear()
        if math.isfinite(value) and (not self._looks or time - self._looks[-1][0] >= MINUTE / LOOKS):
            self._looks.append((time, value))
        while self._looks and self._looks[0][0] < time - MINUTE:
            self._looks.popleft()
        if not self._looks:
            return math.nan
        warm = segment.row(self._start + WARM_UP)
        # Recorded is the pace of a second, which may begin before.
        found = warmed_up(self._looks, warm[1] + 1 if warm is not None else math.inf)
        from gradtop.trainer.analysis.significance import moments  # not at the start

        return moments(found)[0] if found else math.nan

    def _evaluation(self, segments: Sequence[Segment], step: int, every: int, samples: int) -> float:
        """The seconds of an evaluation: the shortest of the last three, as one may hold a pause; before the first one of a process
        those of the process before it."""
        ends = [float(end) for back in range(EVALUATIONS_BACK) if (end := (step // every - back) * every) > 0]
        for segment in segments[:2]:
            place = segment.places.get(SAMPLES_PER_S)
            if place is None:
                continue
            self._gaps = {end: gap for end in ends if (gap := self._gaps.get(end) or gap_after(segment, place, end, samples)) is not None}
            if self._gaps:
                break
        return min(self._gaps.values(), default=0.0)


TRACKERS: WeakKeyDictionary[RunReader, Tracker] = WeakKeyDictionary()


def looked_back(segment: Segment, place: int, newest: float, since: float) -> list[tuple[float, float]]:
    """Time and pace of records from the last minute, about evenly in time, none of them from before step `since`."""
    found: dict[int, tuple[float, float]] = {}
    with segment.reading():
        low, end = segment.place_of(since), segment.valid
        for look in range(1, LOOKS + 1):
            wanted = newest - MINUTE * (1 - look / LOOKS)
            high = end
            while low < high:
                middle = (low + high) // 2
                row = segment.row(middle)
                if row is None or row[1] < wanted:
                    low = middle + 1
                else:
                    high = middle
            row = segment.row(low) if low < end else None
            if row is not None and math.isfinite(row[place]):
                found[low] = (row[1], row[place])
    return list(found.values())


def warmed_up(looks: Iterable[tuple[float, float]], until: float) -> list[float]:
    """The paces, without the first ones up to time `until` that are far below the newest: steps that compiled are not taken again."""
    from statistics import median  # not at the start

    found = list(looks)
    usual = median(pace for _, pace in found[-3:])
    return [pace for _, pace in dropwhile(lambda look: look[0] <= until and look[1] < usual / SLOW, found)]


def seconds_of_a_step(segment: Segment, since: float) -> float | None:
    """The median of the last steps from step `since` on, by their times; None where there are too few."""
    from statistics import median

    rows = list(segment.rows(max(segment.place_of(since), segment.valid - STEPS_BACK - 1), segment.valid))
    taken = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(rows) if after[0] > before[0]]
    return median(taken) if len(taken) >= FEWEST else None


def gap_after(segment: Segment, place: int, step: float, samples: int) -> float | None:
    """The seconds between a step and the next one beyond what the next one took; None where both are not there."""
    number = segment.place_of(step, after=True)
    before, after = (segment.row(each) if 0 <= each < segment.valid else None for each in (number - 1, number))
    if before is None or after is None or before[0] != step or not after[place] > 0:
        return None
    return max(0.0, after[1] - before[1] - samples / after[place])


def sustained(series: Series, samples: int) -> float:
    """The best pace that was reached or exceeded for `SUSTAINED` seconds; nan where the run is younger."""
    seconds = 0.0
    for pace, records in sorted(zip(series.mean, series.finite, strict=True), reverse=True):
        if pace > 0:
            seconds += records * samples / pace
            if seconds >= SUSTAINED:
                return pace
    return math.nan


def last_changes(events: Iterable[Event], first: float) -> tuple[float, float]:
    """The step from which on steps are the same work, and the one from which on as many threads compute; `first` where nothing changed.

    Threads that the worker only tries are no change until it keeps them.
    """
    work = threads = first
    trial: float | None = None
    for event in events:
        step, changes = event.get("step"), event.get("changes")
        if not isinstance(step, int):
            continue
        keys = changes.keys() if isinstance(changes, Mapping) else ()
        if event["kind"] == EventKind.FREEZE or any(key.startswith(WORK) and key not in SAME_WORK for key in keys):
            work = max(work, step + 1.0)
        elif event["kind"] == EventKind.THREADS:
            begins = bool(keys) and not _is_measured(event.get("pace"))
            if trial is not None and (begins or not keys):  # kept, or with fewer yet to be tried
                threads = max(threads, trial)
            trial = step + 1.0 if begins else None
        elif "training.threads" in keys:
            threads, trial = max(threads, step + 1.0), None
    return work, threads


def _is_measured(pace: object) -> bool:
    return isinstance(pace, int | float) and math.isfinite(pace)


def samples_per_step(reader: RunReader) -> int:
    """0 where the configuration does not say it."""
    training: Any = effective(reader.config, reader.status.changes).get("training")
    if not isinstance(training, Mapping):
        return 0
    size, accumulate = training.get("batch_size"), training.get("accumulate", 1)
    return size * accumulate if isinstance(size, int) and isinstance(accumulate, int) else 0


def steps_between_evaluations(reader: RunReader) -> int:
    """As many as `training.evaluate_every` says, else those of an epoch, or of data without a length the usual number; 0 where it is not known."""
    training: Any = effective(reader.config, reader.status.changes).get("training")
    every = training.get("evaluate_every") if isinstance(training, Mapping) else None
    if isinstance(every, int) and every > 0:
        return every
    return reader.status.steps_per_epoch or (0 if reader.status.epochs or reader.meta.job != "train" else UNCOUNTED)


def mean_seconds_left(status: Status) -> float | None:
    """The time to the last step at the mean pace so far, in seconds; for a run whose pace is not recorded."""
    done = status.step - status.began  # what a fork took over took it no time
    if done <= 0 or status.steps <= status.step or status.seconds <= 0:
        return None
    return status.seconds / done * (status.steps - status.step)
