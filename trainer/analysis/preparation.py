"""How far the preparation of the data is, and how long it will take."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradtop.trainer.analysis.formatting import duration, number
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import RunState, Status, clean

LONGEST = 80  # characters of what is done
KNOWN_AFTER = 1.0  # seconds after which the pace says how long the rest takes


class PreparationState(NamedTuple):
    """`of` is 0 and `left` None while they are not known."""

    doing: str
    done: int
    of: int
    left: float | None

    @property
    def counted(self) -> str:
        """1 200 of 10 000"""
        return f"{number(self.done)} of {number(self.of)}" if self.of else number(self.done)

    @property
    def text(self) -> str:
        """looking through the masks: 1 200 of 10 000, 0:12 left"""
        return f"{self.doing}: {self.counted}{f', {duration(self.left)} left' if self.left is not None else ''}"


def preparation_of(status: Status) -> PreparationState | None:
    """None where nothing is being prepared."""
    found: Mapping[str, object] = status.preparing
    doing, done, of = found.get("doing"), _count(found.get("done")), _count(found.get("of"))
    if status.state is not RunState.STARTING or not isinstance(doing, str) or not doing:
        return None
    since, at = (value if isinstance(value := found.get(name), int | float) and math.isfinite(value) else 0.0 for name in ("since", "at"))
    left = (of - done) * (at - since) / done if 0 < done <= of and at - since >= KNOWN_AFTER else None
    return PreparationState(clean(doing, LONGEST), done, of, left)


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 53 else 0
