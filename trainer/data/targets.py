"""What stands beside the inputs of a data set. Imports no torch."""

from __future__ import annotations

from typing import Literal

from gradtop.trainer.named_tuple import NamedTuple

TargetKind = Literal["classes", "values", "label_sets", "masks", "any"]
CLASSES: TargetKind = "classes"  # numbers of classes, one or several for each sample
VALUES: TargetKind = "values"  # floats
LABEL_SETS: TargetKind = "label_sets"  # for each label 0 or 1
MASKS: TargetKind = "masks"  # the number of a class for each pixel
ANY: TargetKind = "any"  # whatever stands there, or nothing
NUMBERS = frozenset({VALUES, LABEL_SETS})  # of which the model has an output for each


class WantedTargets(NamedTuple):
    """What the task wants; a label that equals `ignored` is of no class. `open`: data that name what they have may have another kind."""

    kind: TargetKind = CLASSES
    ignored: int | None = None
    open: bool = False


ONE_CLASS = WantedTargets()


def unlabeled_text(title: str, some: int, of: int, ignored: int | None) -> str:
    """What is said of `some` samples of a set."""
    return f"{title}: {some:,} of {of:,} samples {'has' if some == 1 else 'have'} no label but {ignored}, which task.ignore_index leaves out; a batch of such samples alone has a loss of 0 and no gradient"
