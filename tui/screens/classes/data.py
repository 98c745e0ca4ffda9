"""What the page of classes shows: how the newest or the best evaluation tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.metrics import MEAN_IOU
from gradtop.trainer.record import Status
from gradtop.trainer.record.classification import Classification, read_classification

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext


@dataclass(frozen=True, slots=True)
class ClassesView:
    """Whether that of the best evaluation is wanted, not of the newest."""

    best: bool = False


@dataclass(frozen=True, slots=True)
class ClassesPart:
    """`found` is None before the first evaluation, and of a run that classifies no samples."""

    found: Classification | None = None
    best: bool = False
    status: Status = Status()

    @property
    def of_pixels(self) -> bool:
        """Whether pixels were counted, not samples."""
        return self.status.beside_loss == MEAN_IOU


def read_classes(source: ReadContext, view: ClassesView) -> ClassesPart:
    if source.run is None:
        return ClassesPart()
    return ClassesPart(read_classification(source.run.run, best=view.best), view.best, source.run.status)


def shares(found: Classification, most: int) -> tuple[tuple[float, ...], int]:
    """The rows of the confusion matrix, each as shares of its class, and the size of a side.

    Of more than `most` classes so many neighbours share a cell, which has the largest of their shares.
    """
    together = -(-found.classes // max(most, 1))
    side = -(-found.classes // together)
    cells = [0.0] * (side * side)

    def put(label: int, predicted: int, count: int) -> None:
        if found.support[label] and predicted < found.classes:
            place = label // together * side + predicted // together
            cells[place] = max(cells[place], count / found.support[label])

    for label, count in enumerate(found.hits):
        put(label, label, count)
    for label, predicted, count in found.confused:
        put(label, predicted, count)
    return tuple(cells), side
