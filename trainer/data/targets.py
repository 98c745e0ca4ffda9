"""What stands beside the inputs of a data set. Imports no torch."""

from __future__ import annotations

from typing import Literal, NamedTuple

TargetKind = Literal["classes", "values"]
CLASSES: TargetKind = "classes"  # numbers of classes, one or several for each sample
VALUES: TargetKind = "values"  # floats


class WantedTargets(NamedTuple):
    """What the task wants; a label that equals `ignored` is of no class."""

    kind: TargetKind = CLASSES
    ignored: int | None = None


ONE_CLASS = WantedTargets()
