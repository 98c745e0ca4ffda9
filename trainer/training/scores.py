"""The evaluations of a run: the newest, the best, and how long early stopping has waited for a better one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradtop.trainer.metrics import Monitored
from gradtop.trainer.tasks.task import Score


@dataclass
class Scores:
    """`best` is that of this run by the monitored metric; `to_beat` is the rank of the best value so far, the runs that it was forked from included.

    The epochs are those that `best`, the lowest loss and the highest accuracy closed, 0 where there is none or an older version did not keep it.
    """

    monitored: Monitored = field(default_factory=Monitored)
    newest: Score | None = None
    best: Score | None = None
    best_epoch: int = 0
    best_loss: float | None = None
    best_loss_epoch: int = 0
    best_accuracy: float | None = None
    best_accuracy_epoch: int = 0
    to_beat: float = math.inf
    without_better: int = 0

    def record(self, score: Score, epoch: int) -> bool:
        """Take an evaluation into account; whether it is the best of this run."""
        self.newest = score
        # The weights behind a loss that is not finite are of no use, whatever the metric.
        rank = self.rank(score) if math.isfinite(score.loss) else math.inf
        best = math.isfinite(rank) and (self.best is None or rank < self.rank(self.best))
        if best:
            self.best, self.best_epoch = score, epoch
        if rank < self.to_beat:
            self.to_beat, self.without_better = rank, 0
        else:
            self.without_better += 1
        if math.isfinite(score.loss) and (self.best_loss is None or score.loss < self.best_loss):
            self.best_loss, self.best_loss_epoch = score.loss, epoch
        if score.known_accuracy is not None and (self.best_accuracy is None or score.accuracy > self.best_accuracy):
            self.best_accuracy, self.best_accuracy_epoch = score.accuracy, epoch
        return best

    def rank(self, score: Score) -> float:
        """The smaller, the better."""
        return self.monitored.rank(score.of(self.monitored.name))

    def state_dict(self) -> dict[str, Any]:
        scores = {name: _plain(score) for name, score in (("newest", self.newest), ("best", self.best))}
        names = ("best_epoch", "best_loss", "best_loss_epoch", "best_accuracy", "best_accuracy_epoch", "to_beat", "without_better")
        return {**scores, "monitored": [self.monitored.name, self.monitored.mode], **{name: getattr(self, name) for name in names}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.newest = Score(**state["newest"]) if state["newest"] else None
        self.best = Score(**state["best"]) if state["best"] else None
        # Of before another metric than the loss could decide.
        self.best_loss = state.get("best_loss", self.best.loss if self.best else None)
        self.best_epoch, self.best_loss_epoch = state.get("best_epoch", 0), state.get("best_loss_epoch", state.get("best_epoch", 0))
        self.best_accuracy, self.best_accuracy_epoch = state["best_accuracy"], state.get("best_accuracy_epoch", 0)
        self.take_over(state)

    def take_over(self, state: Mapping[str, Any]) -> None:
        """Continue with what early stopping goes by, and no scores of another run."""
        self.to_beat, self.without_better = state["to_beat"], state["without_better"]


def monitored_in(state: Mapping[str, Any]) -> Monitored:
    """The metric by which the scores in a checkpoint were judged."""
    return Monitored(*state.get("monitored", ()))


def _plain(score: Score | None) -> dict[str, Any] | None:
    if score is None:
        return None
    # Without an accuracy there is none to compare: NaN is equal to nothing.
    accuracy = {} if score.known_accuracy is None else {"accuracy": score.accuracy}
    return {"loss": score.loss, **accuracy, "further": dict(score.further), "baselines": dict(score.baselines)}
