"""Sums up what a search has found, for `result` of its status, as often as its cost allows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from gradtop.trainer.jobs.search.outcome import SearchOutcome
from gradtop.trainer.jobs.search.study import Study
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.trials.recorded import Trial

EVERY = 2.0  # seconds, at least, between two computations of importances while trials end
SHARE = 0.02  # of the time that these may take, from the cores that the trials train on


IMPORT = 4.0  # seconds that Optuna's importances take to import, with scikit-learn, in which hardly a trial starts
LATER = f"importances come at the end of the search, or once it has run for {IMPORT / SHARE:.0f} s"


class Found(NamedTuple):
    """What was computed when there were so many trials by state, in so many seconds."""

    counts: Mapping[str, int]
    best: tuple[int, ...]
    importances: dict[str, dict[str, dict[str, float]]]
    why: str
    seconds: float


class Summary:
    """The counts at once; importances and the best trials anew at most every two seconds, in a thread of their own: a forest of ten thousand
    trials takes seconds to grow, in which no trial would start.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._outcome = SearchOutcome()
        self._began = time.monotonic()
        self._when = 0.0
        self._cost = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="importances")
        self._pending: Future[Found] | None = None

    def update(self, trials: Mapping[int, Trial], budget: int, *, always: bool) -> tuple[SearchOutcome | None, bool]:
        """The outcome, None where it is as it was; and whether it has all. Raises UserError where the storage fails."""
        counts = dict(Counter(str(trial.state) for trial in trials.values()))
        outcome = replace(self._outcome, objectives={each.name: each.mode for each in self._study.objectives}, counts=counts, budget=budget)
        found = self._find(counts, always=True) if always else self._found_meanwhile(counts)
        whole = found is not None and found.counts == counts
        if found is not None:
            outcome = replace(outcome, best=found.best, importances=found.importances, no_importances=found.why)
            self._when, self._cost = time.monotonic(), found.seconds
        before, self._outcome = self._outcome, outcome
        return (outcome if outcome != before else None), whole

    def _found_meanwhile(self, counts: Mapping[str, int]) -> Found | None:
        """What the thread has ended with; where it has nothing to do and it is time, it begins anew."""
        pending = self._pending
        if pending is not None and pending.done():
            self._pending = None
            return pending.result()
        if pending is None and time.monotonic() - self._when > max(EVERY, self._cost / SHARE):
            self._pending = self._thread.submit(self._find, counts)
        return None

    def _find(self, counts: Mapping[str, int], *, always: bool = False) -> Found:
        begin = time.monotonic()
        importances, why = self._study.importances() if always or begin - self._began > IMPORT / SHARE else ({}, LATER)
        return Found(counts, self._study.best(), importances, why, time.monotonic() - begin)

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
