"""What the records of an epoch's steps come to, for the event that closes the epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradtop.trainer.monitor.instruments.steps import ACCURACY_AT, LOSS_AT, LR_AT, RATE_AT, StepRow


@dataclass
class EpochMeans:
    """Sums over the steps since the last evaluation; those of a process that was stopped within an epoch come with its checkpoint."""

    loss: float = 0.0
    losses: int = 0
    lr: float | None = None
    rate: float = 0.0
    rates: int = 0
    accuracy: float = 0.0
    accuracies: int = 0

    def add(self, rows: Sequence[StepRow]) -> None:
        # One by one: a sum must not depend on how many records arrived together.
        for row in rows:
            if math.isfinite(row[LOSS_AT]):
                self.loss += row[LOSS_AT]
                self.losses += 1
            if math.isfinite(row[RATE_AT]):
                self.rate += row[RATE_AT]
                self.rates += 1
            if math.isfinite(row[ACCURACY_AT]):
                self.accuracy += row[ACCURACY_AT]
                self.accuracies += 1
        if rows:
            self.lr = rows[-1][LR_AT]

    def take(self) -> dict[str, float | None]:
        """Mean of the finite losses, last learning rate, mean samples per second and mean of the measured accuracies, None where there is none; and begin anew."""
        found = {
            "loss": self.loss / self.losses if self.losses else None,
            "lr": self.lr,
            "samples_per_s": self.rate / self.rates if self.rates else None,
            "accuracy": self.accuracy / self.accuracies if self.accuracies else None,
        }
        self.accuracy, self.accuracies = 0.0, 0
        self.loss, self.losses, self.lr, self.rate, self.rates = 0.0, 0, None, 0.0, 0
        return found

    def state_dict(self) -> dict[str, float | None]:
        """Without the rates, which are those of one process."""
        return {"loss": self.loss, "losses": self.losses, "lr": self.lr, "accuracy": self.accuracy, "accuracies": self.accuracies}

    def load_state_dict(self, state: Mapping[str, float | None]) -> None:
        self.loss, self.losses, self.lr = state.get("loss") or 0.0, int(state.get("losses") or 0), state.get("lr")
        self.accuracy, self.accuracies = state.get("accuracy") or 0.0, int(state.get("accuracies") or 0)
