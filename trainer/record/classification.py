"""classes.json and best-classes.json: how an evaluation, the newest and the best one, tells the classes apart."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from gradtop.trainer.metrics import ACCURACY, BALANCED_ACCURACY, F1
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import bounds
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.writing import unlink

MOST_CLASSES = 10_000  # of which the files hold counts
MOST_CONFUSED = 10_000  # pairs of classes: every one of up to 100 classes
NEWEST, BEST = "classes.json", "best-classes.json"


class Worst(NamedTuple):
    """A sample by its place in the validation set."""

    sample: int
    loss: float
    label: int
    predicted: int


class Classification(NamedTuple):
    """Per class: samples of it (`support`), how often it was `predicted`, and how often rightly (`hits`).

    `confused` are (label, predicted class, count) of what was not predicted rightly, the most frequent first; the predicted class is the
    number of `classes` for samples without a prediction, as their outputs are NaN. Samples of pairs beyond the first 10,000 are only
    counted, in `omitted`. `worst` has the samples with the largest loss. `names` are those of the classes, empty where they have none.
    """

    support: Sequence[int] = ()
    predicted: Sequence[int] = ()
    hits: Sequence[int] = ()
    confused: Sequence[tuple[int, int, int]] = ()
    worst: Sequence[Worst] = ()
    step: int = 0
    epoch: int = 0
    names: Sequence[str] = ()
    omitted: int = 0

    @property
    def classes(self) -> int:
        return len(self.support)

    @property
    def when(self) -> str:
        """Data without a length have no epochs."""
        return f"epoch {self.epoch}" if self.epoch else f"step {self.step}"

    @property
    def right(self) -> int:
        return sum(self.hits)

    @property
    def metrics(self) -> Mapping[str, float]:
        """Balanced accuracy and macro F1, as in scikit-learn: without classes that do not occur; nan where none does."""
        recalls = [recall for each in range(self.classes) if math.isfinite(recall := self.recall(each))]
        # 2 TP / (2 TP + FP + FN), where TP + FN is the support and TP + FP how often the class was predicted.
        scores = [2 * hits / (support + predicted) for hits, support, predicted in zip(self.hits, self.support, self.predicted, strict=True) if support + predicted]
        return {BALANCED_ACCURACY: _mean(recalls), F1: _mean(scores)}

    @property
    def baselines(self) -> Mapping[str, float]:
        """Of always naming the class that occurs most often; nothing where none does."""
        occurring = sum(1 for count in self.support if count)
        if not occurring:
            return {}
        often, samples = max(self.support), sum(self.support)
        return {ACCURACY: often / samples, BALANCED_ACCURACY: 1 / occurring, F1: 2 * often / (often + samples) / occurring}

    def recall(self, number: int) -> float:
        """The accuracy of one class: the share of its samples that are predicted; nan where there are none."""
        return self.hits[number] / self.support[number] if self.support[number] else math.nan

    def iou(self, number: int) -> float:
        """Intersection over union of one class; nan where it neither occurs nor is predicted."""
        union = self.support[number] + self.predicted[number] - self.hits[number]
        return self.hits[number] / union if union else math.nan

    @property
    def mean_iou(self) -> float:
        """Over the classes that occur or are predicted; nan where none does."""
        return _mean([iou for each in range(self.classes) if math.isfinite(iou := self.iou(each))])

    def lowest_iou_first(self) -> list[int]:
        """The classes that occur or are predicted, by their IoU."""
        return sorted((each for each in range(self.classes) if math.isfinite(self.iou(each))), key=lambda each: (self.iou(each), each))

    def worst_first(self) -> list[int]:
        """The classes that occur, by their accuracy."""
        return sorted((each for each in range(self.classes) if self.support[each]), key=lambda each: (self.recall(each), -self.support[each], each))

    def name(self, number: int) -> str:
        """none for the number after the last class: there was no prediction."""
        return self.names[number] if number < len(self.names) else "none" if number == self.classes else str(number)

    def record(self) -> dict[str, object]:
        """As a JSON object."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "names": list(self.names),
            "support": list(self.support),
            "predicted": list(self.predicted),
            "hits": list(self.hits),
            "confused": [list(each) for each in self.confused[:MOST_CONFUSED]],
            "omitted": self.omitted + sum(count for _, _, count in self.confused[MOST_CONFUSED:]),
            "worst": [[each.sample, each.loss if math.isfinite(each.loss) else str(each.loss), each.label, each.predicted] for each in self.worst],
        }


def read_classification(run: Run, *, best: bool = False) -> Classification | None:
    """Of the newest evaluation, or the best; None where there is none, or the file is invalid."""
    try:
        found = bounds.read_note(run.path / (BEST if best else NEWEST))
    except bounds.Unreadable:
        return None
    return parsed(found)


def parsed(found: Mapping[str, Any]) -> Classification | None:
    """None where the counts are not those of one evaluation."""
    support, predicted, hits = (_counts(found.get(name)) for name in ("support", "predicted", "hits"))
    if not support or not len(support) == len(predicted) == len(hits) or any(hit > of for hit, of in zip(hits, support, strict=True)):
        return None
    classes = len(support)
    confused = [(each[0], each[1], each[2]) for each in _rows(found.get("confused"), 3)[:MOST_CONFUSED] if each[0] < classes and each[1] <= classes]
    worst = [
        Worst(numbers[0], loss, numbers[1], numbers[2])
        for each in (found["worst"] if isinstance(found.get("worst"), list) else ())
        if isinstance(each, list) and len(each) == 4 and len(numbers := _counts([each[0], *each[2:]])) == 3 and (loss := bounds.measured(each[1])) is not None
    ]
    names = bounds.texts(found.get("names")) or ()
    return Classification(
        support, predicted, hits, confused,
        worst=[each for each in worst if each.label < classes and each.predicted <= classes],
        step=bounds.count(found.get("step")) or 0,
        epoch=bounds.count(found.get("epoch")) or 0,
        names=names[:classes],
        omitted=bounds.count(found.get("omitted")) or 0,
    )  # fmt: skip


def drop_later(run: Run, step: int) -> None:
    """Remove what an earlier process has written of evaluations after this step, which will be made again. Raises OSError."""
    for best in (False, True):
        if (found := read_classification(run, best=best)) is not None and found.step > step:
            unlink(run.path, run.path / (BEST if best else NEWEST))


def text_of(classification: Classification) -> str:
    """The content of the file."""
    return json.dumps(classification.record()) + "\n"


def _counts(value: object) -> list[int]:
    """Empty where one of them is none."""
    found = [bounds.count(each) for each in value[:MOST_CLASSES]] if isinstance(value, list) else []
    return [] if None in found else [each for each in found if each is not None]


def _rows(value: object, width: int) -> list[list[int]]:
    rows = [_counts(each) for each in value[:MOST_CONFUSED]] if isinstance(value, list) else []
    return [row for row in rows if len(row) == width]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
