"""Classes and labels that a part of the data has no sample of."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gradtop.trainer.named_tuple import NamedTuple

NAMED = 12
TRAINING, VALIDATION = "training", "validation"
CLASS, LABEL = "class", "label"


class Absence(NamedTuple):
    """`total` classes or labels, the first of them by name, that none of the samples of a part is of; `first`: of so many of its samples, those that came first; 0 of all."""

    part: str
    what: str
    names: Sequence[str]
    total: int
    first: int = 0


def absent_classes(part: str, there: Tensor, names: Sequence[str], classes: int, *, first: int = 0) -> list[Absence]:
    """Of one class for each sample, those that are not `there`, which may be all labels; classes without a name go by their number."""
    found = set(there.unique().tolist())
    return _absence(part, CLASS, [names[number] if number < len(names) else str(number) for number in range(classes) if number not in found], first)


def absent_labels(labels: Tensor) -> list[Absence]:
    """Of several labels for each sample, those that no training sample has."""
    return _absence(TRAINING, LABEL, [str(number) for number, there in enumerate((labels.reshape(len(labels), -1) > 0).any(0).tolist()) if not there], 0)


def _absence(part: str, what: str, absent: Sequence[str], first: int) -> list[Absence]:
    return [Absence(part, what, list(absent[:NAMED]), len(absent), first)] if absent else []
