"""A turning point of the learning rate. Needs nothing of what declares and builds schedules."""

from __future__ import annotations

from typing import Literal

from gradtop.trainer.named_tuple import NamedTuple


class Turn(NamedTuple):
    """`step` is the last one (counted from 1) before it; `factor` is that of a drop or of a decay."""

    step: int
    what: Literal["warmup_end", "drop", "decay", "restart", "peak", "decay_start"]
    factor: float = 1.0
