"""The orders of the list of runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gradtop.trainer.metrics import LOSS

if TYPE_CHECKING:
    from gradtop.trainer.analysis.index import RunRow

NEWEST = "newest"  # by family: each run below the one it came from
SORTS = (NEWEST, "best", "name")  # those that a key goes through; the others are columns
def best_rank(row: RunRow) -> tuple[str, float] | None:
    """Values of different metrics are no better or worse than one another: runs of one metric stand together."""
    status = row.status
    rank = status.monitored.rank(status.best)
    return ("" if status.monitor == LOSS else status.monitor, rank) if math.isfinite(rank) else None


# What a run is sorted by, None where it has no such figure.
VALUES: Mapping[str, Callable[[RunRow], float | str | tuple[str, float] | None]] = {
    "name": lambda row: row.name,
    "state": lambda row: row.state,
    "took": lambda row: row.status.seconds or None,
    "epoch": lambda row: row.status.epoch or None,
    "val loss": lambda row: finite(row.status.val_loss),
    "best": best_rank,
    "accuracy": lambda row: finite(row.status.accuracy_at_best),
}
LARGEST_FIRST = frozenset({NEWEST, "took", "epoch", "accuracy"})


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def in_order(rows: Iterable[RunRow], sort: str, *, reverse: bool = False) -> list[RunRow]:
    """Rows that come in the order of their families, in another one, or that the other way round; runs without the figure are last."""
    if sort not in VALUES:
        found = list(rows)
        if not reverse:
            return found
        return [plain(row) for row in sorted(found, key=lambda row: (row.created, row.run.id))]
    value = VALUES[sort]
    measured = [(known, row.run.id, plain(row)) for row in rows if (known := value(row)) is not None]
    measured.sort(key=lambda each: each[:2], reverse=(sort in LARGEST_FIRST) != reverse)
    rest = sorted((plain(row) for row in rows if value(row) is None), key=lambda row: row.run.id)
    return [*(row for _value, _id, row in measured), *rest]


def plain(row: RunRow) -> RunRow:
    """Without the branch that its place in the family has."""
    return replace(row, branch="") if row.branch else row
