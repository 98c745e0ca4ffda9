"""What a search says of itself while its trials go on."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.search import summary as search_summary
from gradtop.trainer.jobs.search.outcome import SearchOutcome
from gradtop.trainer.jobs.search.study import Study
from gradtop.trainer.jobs.search.summary import Summary
from gradtop.trainer.trials.recorded import Trial, TrialState
from tests.support import wait_until


class SlowStudy:
    """A study whose importances take until `go` is set."""

    objectives = (parse_config("").training.best,)

    def __init__(self) -> None:
        self.go = threading.Event()

    def importances(self) -> tuple[dict[str, Any], str]:
        assert self.go.wait(30)
        return {"ped_anova": {"loss": {"optimizer.lr": 1.0}}}, ""

    def best(self) -> tuple[int, ...]:
        return (0,)


def test_trials_are_counted_while_importances_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_summary, "EVERY", 0.0)
    monkeypatch.setattr(search_summary, "IMPORT", -1.0)
    study = SlowStudy()
    found = Summary(cast("Study", study))
    trials = {0: Trial(0, TrialState.TRAINING, {})}

    def counted() -> tuple[SearchOutcome | None, bool]:
        return found.update(trials, 2, always=False)

    try:
        outcome, whole = counted()
        assert outcome is not None
        assert (outcome.counts, outcome.importances, whole) == ({"training": 1}, {}, False)
        trials[0] = Trial(0, TrialState.DONE, {}, {"loss": 0.5})
        outcome, whole = counted()
        assert outcome is not None
        assert (outcome.counts, whole) == ({"done": 1}, False)
        study.go.set()
        # What was computed is of one trial less: it is taken, and not all there is.
        outcome = wait_until(lambda: counted()[0], why="the importances")
        assert outcome.importances["ped_anova"]["loss"] == {"optimizer.lr": 1.0}
        wait_until(lambda: counted()[1], why="those of all trials")
        study.go.clear()
        threading.Timer(0.05, study.go.set).start()
        assert found.update(trials, 2, always=True)[1]
    finally:
        study.go.set()
        found.close()


def test_in_the_first_minutes_it_has_no_importances_and_says_when_they_come() -> None:
    study = SlowStudy()
    study.go.set()
    found = Summary(cast("Study", study))
    trials = {0: Trial(0, TrialState.DONE, {}, {"loss": 0.5})}
    try:
        found.update(trials, 2, always=False)
        outcome = wait_until(lambda: found.update(trials, 2, always=False)[0], why="the best trials")
        assert (outcome.best, outcome.importances, outcome.no_importances) == ((0,), {}, search_summary.LATER)
        ended = found.update(trials, 2, always=True)[0]
        assert ended is not None
        assert ended.importances
    finally:
        found.close()
