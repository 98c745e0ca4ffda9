"""Short sentences about runs that commands and screens share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.formatting import setting
from gradtop.trainer.record import Change, clean
from gradtop.trainer.record.queue import ANY

if TYPE_CHECKING:
    from gradtop.trainer.analysis.index import RunRow


def state_text(row: RunRow) -> str:
    """The state, and the place in line of a run that waits."""
    return f"queued {row.place}" if row.place else row.state


def waits_for(device: str, before: Sequence[str]) -> str:
    """Which runs a run in line waits for, and where: "quiet-heron and 2 more on cuda:0"; "" where it has its turn."""
    if not before:
        return ""
    first, *others = (clean(name, 60) for name in before)
    more = f" and {others[0]}" if len(others) == 1 else f" and {len(others)} more" if others else ""
    return f"{first}{more}{'' if device == ANY else f' on {clean(device, 20)}'}"


def queue_text(place: int, before: str) -> str:
    """2nd in line, behind quiet-heron on cuda:0."""
    return f"{ordinal(place)} in line, behind {before}" if before else "has its turn"


def ordinal(place: int) -> str:
    ending = "th" if place % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def changes_text(changes: Iterable[Change]) -> str:
    """optimizer.lr 1e-3 → 3e-4, training.clip 0 → 1"""
    return ", ".join(f"{change.key} {setting(change.old)} → {setting(change.new)}" for change in changes)
