"""Where a training stands: in which epoch and at which step of it, what is due, and when it is done."""

from __future__ import annotations

from gradtop.trainer.config import Config
from gradtop.trainer.training.scores import Scores

LEAST_APART, PER_EPOCH = 4, 32  # steps between two whose accuracy is measured, and at least how many of these an epoch has


class Standing:
    """What follows from the number of steps that are done and from the configuration as it stands now."""

    config: Config
    scores: Scores
    step: int
    evaluated: int
    steps: int
    per_epoch: int
    evaluate_every: int
    counts_epochs: bool

    @property
    def epoch(self) -> int:
        """Epochs whose steps are all done."""
        return self.step // self.per_epoch

    @property
    def last_step(self) -> int:
        """The step that training ends with; a live change may have put that before the present one."""
        return max(self.steps, self.step)

    @property
    def epochs(self) -> int:
        return -(-self.last_step // self.per_epoch)

    @property
    def position(self) -> int:
        """Steps done in the epoch at hand."""
        return self.step % self.per_epoch

    @property
    def evaluation_due(self) -> bool:
        between = self.step % self.evaluate_every if self.evaluate_every else self.position
        return self.evaluated < self.step and (between == 0 or self.step >= self.steps)

    @property
    def next_pause(self) -> int:
        """The step after which the epoch ends, or an evaluation comes before its end, or the training ends."""
        ends = [(self.epoch + 1) * self.per_epoch, self.steps]
        if every := self.evaluate_every:
            ends.append((self.step // every + 1) * every)
        return min(ends)

    @property
    def epoch_told(self) -> int:
        """As `epoch_at_hand`; 0 where there are no epochs."""
        return self.epoch_at_hand if self.counts_epochs else 0

    @property
    def epochs_told(self) -> int:
        return self.epochs if self.counts_epochs else 0

    @property
    def finished(self) -> bool:
        return (self.step >= self.steps or self.stopped_early) and not self.evaluation_due

    @property
    def stopped_early(self) -> bool:
        """Whether the monitored metric, as of an evaluation just now, has not become better for as long as was to be waited for."""
        return self.patience_ran_out and self.evaluated == self.step

    @property
    def patience_ran_out(self) -> bool:
        return 0 < self.config.training.early_stopping <= self.scores.without_better

    @property
    def epoch_at_hand(self) -> int:
        """Counted from 1: the one that the next step belongs to; before and after its evaluation at the end, the one that closes."""
        closing = self.step > 0 and (self.evaluation_due or self.finished)
        return -(-self.step // self.per_epoch) if closing else self.epoch + 1

    @property
    def accuracy_every(self) -> int:
        """Steps from one whose accuracy is measured to the next: by their number alone, so that a resume measures the same ones."""
        return max(LEAST_APART, self.per_epoch // PER_EPOCH) if self.config.monitor.enabled else self.last_step + 1
