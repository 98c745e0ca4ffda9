"""Sums up what a search has found, for `result` of its status, as often as its cost allows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from gradtop.trainer.jobs.search.outcome import SearchOutcome
from gradtop.trainer.jobs.search.study import Study
from gradtop.trainer.jobs.search.trials import Trial

EVERY = 2.0  # seconds, at least, between two computations of importances while trials end
SHARE = 0.1  # of the time that these may take


class Summary:
    """Importances and the best trials are computed anew at most every two seconds, the counts at once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._outcome = SearchOutcome()
        self._when = 0.0
        self._cost = 0.0

    def update(self, trials: Mapping[int, Trial], budget: int, *, always: bool) -> tuple[SearchOutcome | None, bool]:
        """The outcome, None where it is as it was; and whether it has all. Raises UserError where the storage fails."""
        counts = Counter(str(trial.state) for trial in trials.values())
        outcome = replace(self._outcome, objectives={each.name: each.mode for each in self._study.objectives}, counts=dict(counts), budget=budget)
        begin = time.monotonic()
        whole = always or begin - self._when > max(EVERY, self._cost / SHARE)
        if whole:
            importances, why = self._study.importances()
            outcome = replace(outcome, best=self._study.best(), importances=importances, no_importances=why)
            self._when = time.monotonic()
            self._cost = self._when - begin
        before, self._outcome = self._outcome, outcome
        return (outcome if outcome != before else None), whole
