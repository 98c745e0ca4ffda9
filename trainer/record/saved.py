"""What the JSON file beside a checkpoint tells of it, to those that write it and those that read it."""

from __future__ import annotations

from dataclasses import dataclass

from gradtop.trainer.metrics import LOSS, rank_of


@dataclass(frozen=True)
class CheckpointFacts:
    """`score` is the value of the metric `monitor`, the best of which is the `monitor_mode`; `note` says what was done to the weights beside training them, such as pruning."""

    step: int
    epoch: int
    val_loss: float | None = None
    val_accuracy: float | None = None
    best: bool = False
    time: float = 0.0
    monitor: str = LOSS
    monitor_mode: str = "min"
    score: float | None = None
    note: str = ""

    @property
    def rank(self) -> float:
        """The smaller, the better."""
        return rank_of(self.val_loss, self.monitor, self.monitor_mode, self.score)
