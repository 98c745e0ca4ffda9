"""The evaluations of a run: the newest, the best, and how long early stopping has waited for a better one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradtop.trainer.training.evaluate import Score


@dataclass
class Scores:
    """`best` is that of this run, by its loss; `to_beat` is the lowest validation loss so far, the runs that it was forked from included.

    The epochs are those that `best` and `best_accuracy` closed, 0 where there is none or an older version did not keep it.
    """

    newest: Score | None = None
    best: Score | None = None
    best_epoch: int = 0
    best_accuracy: float | None = None
    best_accuracy_epoch: int = 0
    to_beat: float = math.inf
    without_better: int = 0

    def record(self, score: Score, epoch: int) -> bool:
        """Take an evaluation into account; whether it is the best of this run."""
        self.newest = score
        finite = math.isfinite(score.loss)
        best = finite and (self.best is None or score.loss < self.best.loss)
        if best:
            self.best, self.best_epoch = score, epoch
        if finite and score.loss < self.to_beat:
            self.to_beat, self.without_better = score.loss, 0
        else:
            self.without_better += 1
        if self.best_accuracy is None or score.accuracy > self.best_accuracy:
            self.best_accuracy, self.best_accuracy_epoch = score.accuracy, epoch
        return best

    def state_dict(self) -> dict[str, Any]:
        scores = {name: vars(score) if score else None for name, score in (("newest", self.newest), ("best", self.best))}
        names = ("best_epoch", "best_accuracy", "best_accuracy_epoch", "to_beat", "without_better")
        return {**scores, **{name: getattr(self, name) for name in names}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.newest = Score(**state["newest"]) if state["newest"] else None
        self.best = Score(**state["best"]) if state["best"] else None
        self.best_accuracy = state["best_accuracy"]
        self.best_epoch, self.best_accuracy_epoch = state.get("best_epoch", 0), state.get("best_accuracy_epoch", 0)
        self.take_over(state)

    def take_over(self, state: Mapping[str, Any]) -> None:
        """Continue with what early stopping goes by, and no scores of another run."""
        self.to_beat, self.without_better = state["to_beat"], state["without_better"]
