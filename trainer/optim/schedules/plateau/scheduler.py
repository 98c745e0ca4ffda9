"""The scheduler of the plateau schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from gradtop.trainer.optim.jump import jump
from gradtop.trainer.optim.phase import scheduler_of
from gradtop.trainer.optim.schedules import Phase


class RankPlateau(ReduceLROnPlateau):
    """Of values of which the smaller is the better, also below 0, where torch takes the best one itself for better by its threshold."""

    def _is_better(self, a: float, best: float) -> bool:
        return bool(a < best * (1.0 + self.threshold if best < 0 else 1.0 - self.threshold))

    is_better = _is_better  # as torch called it before


class Plateau(LRScheduler):
    """A warm-up of `warm` steps to the learning rate `lr`, then ReduceLROnPlateau, which `evaluated` gives the rank of each evaluation.

    None lowers the learning rate during the warm-up.
    """

    def __init__(self, optimizer: Optimizer, *, warm_up: Phase, warm: int, lr: float, plateau: Mapping[str, Any]) -> None:
        self.optimizer = optimizer
        self._warm = warm
        self._full = lr
        self._schedulers = [scheduler_of(warm_up, optimizer)]
        self._plateau = RankPlateau(optimizer, **plateau)
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self, epoch: int | None = None) -> None:  # noqa: ARG002 - torch's signature
        # One that is over would take back what was lowered since.
        if self._schedulers[0].last_epoch < self._warm:
            self._schedulers[0].step()
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def jump(self, steps: int) -> bool:
        """As after so many steps and no evaluation."""
        there = jump(self._schedulers[0], min(steps, self._warm))
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]
        return there

    def evaluated(self, rank: float) -> None:
        """Take an evaluation into account, by the rank of what is monitored: the smaller, the better; a non-finite one counts as no improvement."""
        if self._schedulers[0].last_epoch < self._warm:
            return
        self._plateau.step(rank if math.isfinite(rank) else math.inf)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def take_over(self, state: Mapping[str, Any], *, judged_alike: bool) -> None:
        """Continue, from this run's own learning rate, with what another run's plateau has lowered, and where both go by the same metric, has seen."""
        before = state["plateau"]
        for name in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch") if judged_alike else ():
            setattr(self._plateau, name, before[name])
        self.lower(state["lowered"])

    @property
    def lowered(self) -> float:
        """What is left of the learning rate; 1 while it warms up."""
        if self._schedulers[0].last_epoch < self._warm:
            return 1.0
        return float(self.optimizer.param_groups[0]["lr"]) / self._full

    def lower(self, share: float) -> None:
        if share != 1.0:
            for group, bound in zip(self.optimizer.param_groups, self._plateau.min_lrs, strict=True):
                group["lr"] = max(group["lr"] * share, bound)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {
            "warm_up": self._schedulers[0].state_dict(),
            "plateau": self._plateau.state_dict(),
            "full": self._full,
            "lowered": self.lowered,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._schedulers[0].load_state_dict(state_dict["warm_up"])
        self._plateau.load_state_dict(state_dict["plateau"])
        self._full = state_dict["full"]
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def scale(self, factor: float) -> None:
        self._full *= factor
        self._plateau.min_lrs = [bound * factor for bound in self._plateau.min_lrs]
