"""The scheduler of one phase of a schedule."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

if TYPE_CHECKING:
    from gradtop.trainer.optim.schedules import Phase


def scheduler_of(phase: Phase, optimizer: Optimizer) -> LRScheduler:
    module, _, name = phase.scheduler.rpartition(":")
    made: LRScheduler = getattr(importlib.import_module(module) if module else lr_scheduler, name)(optimizer, **phase.arguments)
    return made
