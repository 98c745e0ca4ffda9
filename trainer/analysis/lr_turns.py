"""The turning points of a run's learning rate, from the tables of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gradtop.trainer.optim.schedules import ScheduleConfig, Span, Turn

__all__ = ["Turn", "lr_turns"]


def lr_turns(table: Mapping[str, Any], steps: int, steps_per_epoch: int) -> list[Turn]:
    """Those of the schedule that the table `schedule` declares, before the last of `steps`; none where it declares no known one."""
    kind = ScheduleConfig.kinds().get(str(table.get("kind")))
    if kind is None:
        return []
    try:
        schedule = kind.model_validate(dict(table))
    except ValidationError:
        # A run of another version.
        return []
    return schedule.turns_within(Span(steps, steps_per_epoch))
