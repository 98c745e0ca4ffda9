"""Sentences on classes and labels that a part of the data has no sample of."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gradtop.trainer.data.table_encoding import several_words

NAMED = 12


def absent_classes(training: Tensor, validation: Tensor, names: Sequence[str], classes: int) -> list[str]:
    """Of one class for each sample, those that neither, or only one of the parts has; classes without a name go by their number."""
    found = []
    for labels, part, consequence in ((training, "training", "nothing is learned of {it}"), (validation, "validation", "accuracy is that of the other classes")):
        there = set(labels.unique().tolist())
        absent = [names[number] if number < len(names) else str(number) for number in range(classes) if number not in there]
        if absent:
            found.append(f"no {part} sample is of class {several_words(absent, NAMED)}: {consequence.format(it=_it(absent))}")
    return found


def absent_labels(labels: Tensor) -> list[str]:
    """Of several labels for each sample, those that no training sample has."""
    absent = [str(number) for number, there in enumerate((labels.reshape(len(labels), -1) > 0).any(0).tolist()) if not there]
    return [f"no training sample has label {several_words(absent, NAMED)}: nothing is learned of {_it(absent)}"] if absent else []


def _it(absent: Sequence[str]) -> str:
    return "it" if len(absent) == 1 else "them"
