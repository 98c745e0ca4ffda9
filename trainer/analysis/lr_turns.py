"""The turning points of a run's learning rate: as its worker recorded them, or from the tables of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from gradtop.trainer.optim.turn import Turn

__all__ = ["DECAYS", "RECORDED", "Turn", "lr_turns", "recorded_turns"]

RECORDED, DECAYS = "turns", "decays_over"  # in `extra` of the stream `plan`
_WHAT = frozenset(get_args(get_type_hints(Turn)["what"]))


def recorded_turns(extra: Mapping[str, Any]) -> list[Turn] | None:
    """Those that a worker recorded with the plan; None where it did not."""
    found = extra.get(RECORDED)
    return [Turn(*each) for each in found] if isinstance(found, list) and all(map(_is_turn, found)) else None


def _is_turn(found: object) -> bool:
    match found:
        case [int(), str(what), int() | float()]:
            return what in _WHAT
    return False


def lr_turns(table: Mapping[str, Any], steps: int, steps_per_epoch: int) -> list[Turn]:
    """Those of the schedule that the table `schedule` declares, before the last of `steps`; none where it declares no known one."""
    # An import of a tenth of a second.
    from pydantic import ValidationError

    from gradtop.trainer.optim.schedules import ScheduleConfig, Span

    kind = ScheduleConfig.kinds().get(str(table.get("kind")))
    if kind is None:
        return []
    try:
        schedule = kind.model_validate(dict(table))
    except ValidationError:
        # A run of another version.
        return []
    return schedule.turns_within(Span(steps, steps_per_epoch))
