"""The metrics of an evaluation on the validation set, each declared once, and which of them decides what is the best.

Their names are columns of the stream `evals`, keys of the status, and values of `training.monitor`. Imports nothing of gradtop, as
configuration, run directory, analysis and training all need it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Container, Iterable, Mapping
from typing import Literal, NamedTuple

MetricMode = Literal["min", "max"]

LOSS, ACCURACY = "loss", "accuracy"
BALANCED_ACCURACY, F1, TOP5_ACCURACY = "balanced_accuracy", "f1", "top5_accuracy"
PERPLEXITY, BITS_PER_CHARACTER = "perplexity", "bits_per_character"
R2, MAE, RMSE = "r2", "mae", "rmse"
AVERAGE_PRECISION, MICRO_F1 = "average_precision", "micro_f1"
MEAN_IOU, DICE = "mean_iou", "dice"
# What there is a label for; a character is a token, and tokens of no text are those of custom data. Values are numbers to predict in place of labels.
SAMPLES, CHARACTERS, TOKENS, VALUES = "samples", "characters", "tokens", "values"
TEXT_TOKENS = "text_tokens"  # each of which stands for some characters
PIXELS = "pixels"
LABEL_SETS = "label_sets"  # several labels for each sample, each of which is there or not
OF_CLASSES = (SAMPLES, CHARACTERS, TOKENS, TEXT_TOKENS)
TOP = 5
TOP_CLASSES = 10  # from so many on: of fewer, five guesses at random hold the class more often than not


class Metric(NamedTuple):
    """`title` stands beside its value, `short` in a table, where there is little room. `mode` says which value is better.

    It is measured where there is a label for each of one of the `labels` (empty: of any), of at least `classes` classes. `share` is
    True for a value between 0 and 1.
    """

    name: str
    title: str
    short: str
    mode: MetricMode
    help: str
    labels: tuple[str, ...] = ()
    classes: int = 0
    share: bool = True


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(LOSS, "val loss", "loss", "min", "Mean loss of the task without label smoothing; of a classification the cross-entropy.", share=False),
        Metric(ACCURACY, "accuracy", "acc", "max", "Share of the samples (of a text: of the characters or tokens, of a segmentation: of the pixels) whose class is predicted.", labels=(*OF_CLASSES, PIXELS)),
        Metric(
            BALANCED_ACCURACY, "balanced accuracy", "bal", "max",
            "Mean over the classes of their recall, that is of the share of a class's samples that are predicted; classes without samples are "
            "left out (scikit-learn's balanced_accuracy_score).",
            labels=(SAMPLES,),
        ),
        Metric(
            F1, "F1", "F1", "max",
            "Macro F1: mean over the classes of 2 TP / (2 TP + FP + FN); classes that neither occur nor are predicted are left out "
            "(scikit-learn's f1_score with average='macro'); of several labels for each sample likewise.",
            labels=(SAMPLES, LABEL_SETS),
        ),
        Metric(
            TOP5_ACCURACY, "top-5 accuracy", "top", "max",
            "Share of the samples whose class is among the five with the largest outputs; from 10 classes on.",
            labels=(SAMPLES,), classes=TOP_CLASSES,
        ),
        Metric(PERPLEXITY, "perplexity", "ppl", "min", "exp of the mean cross-entropy per token; of a text without a tokenizer a token is a character.", labels=(TOKENS, CHARACTERS, TEXT_TOKENS), share=False),
        Metric(
            BITS_PER_CHARACTER, "bits per character", "bpc", "min", "Cross-entropy of a text divided by ln 2 and by the number of its characters, whatever the tokenizer.",
            labels=(CHARACTERS, TEXT_TOKENS), share=False,
        ),
        Metric(
            R2, "R²", "R²", "max", "Coefficient of determination of a regression, the mean over the targets (scikit-learn's r2_score); a constant prediction has 0 at most.",
            labels=(VALUES,), share=False,
        ),
        Metric(MAE, "MAE", "MAE", "min", "Mean absolute error of a regression, in the units of the targets.", labels=(VALUES,), share=False),
        Metric(
            AVERAGE_PRECISION, "average precision", "AP", "max",
            "Mean over the labels of a multi-label task that occur of their average precision, the area under precision over recall "
            "(scikit-learn's average_precision_score); whatever the threshold.",
            labels=(LABEL_SETS,),
        ),
        Metric(
            MEAN_IOU, "mean IoU", "IoU", "max",
            "Mean over the classes of TP / (TP + FP + FN), counted over the pixels of all validation masks (scikit-learn's jaccard_score with average='macro'); "
            "classes that neither occur nor are predicted are left out.",
            labels=(PIXELS,),
        ),
        Metric(DICE, "Dice", "Dice", "max", "Mean over the classes of 2 TP / (2 TP + FP + FN), counted as the mean IoU.", labels=(PIXELS,)),
        Metric(MICRO_F1, "micro F1", "µF1", "max", "F1 over all pairs of sample and label (scikit-learn's f1_score with average='micro').", labels=(LABEL_SETS,)),
        Metric(
            RMSE, "RMSE", "RMSE", "min", "Root mean squared error of a regression, in the units of the targets; of several the mean of theirs.",
            labels=(VALUES,), share=False,
        ),
    )
}  # fmt: skip
# What stands beside the loss where it is measured: of a language model nobody reads the accuracy.
HEADLINES = (PERPLEXITY, R2, AVERAGE_PRECISION, MEAN_IOU)
# Beside loss and accuracy, which a column of each evaluation is for.
FURTHER = tuple(name for name in METRICS if name not in {LOSS, ACCURACY})


# What the code of a user measures beside these: a name that is a column of `evals` and can be typed in a condition.
OWN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,59}")
MOST_OWN = 64
NO_NAMES = frozenset({"step", "time", "epoch", "val_loss", "seconds", "parameters"})  # of what stands beside them


def metric_of(name: str) -> Metric:
    """A declared metric; of another one, which a run measures by code of its own, what its name tells."""
    return METRICS.get(name) or Metric(name, name.replace("_", " "), name, "min", "", share=False)


def is_own(name: str) -> bool:
    """Whether a metric may have this name that is declared nowhere."""
    return name not in METRICS and name not in NO_NAMES and OWN_NAME.fullmatch(name) is not None


def unknown_metric(name: str, *, own: bool) -> str:
    """Why no evaluation measures a metric of this name, as it stands after a key; "" where one may. `own` is whether code of a user measures any."""
    if name in METRICS or (own and is_own(name)):
        return ""
    near = difflib.get_close_matches(name[:80], METRICS, n=1, cutoff=0.6)
    return f"must be one of {', '.join(METRICS)}, not {name!r}{f'; did you mean {near[0]}?' if near else ''}"


def metrics_in_order(names: Iterable[str]) -> list[str]:
    """The declared ones first, in their order."""
    there = list(dict.fromkeys(names))
    return [*(name for name in METRICS if name in there), *(name for name in there if name not in METRICS)]


def not_measured(name: str, labels: str, classes: int) -> str:
    """Why a metric is not measured where there is a label for each of these, and so many classes (0: not known): as it stands after "requires"; "" where it is."""
    metric = metric_of(name)
    if metric.labels and labels and labels not in metric.labels:
        return f"{_labels_text(metric.labels[0])}, and these data have {_labels_text(labels)}"
    if 0 < classes < metric.classes:
        return f"at least {metric.classes} classes, and these data have {classes}"
    return ""


def _labels_text(labels: str) -> str:
    return {VALUES: "numbers as targets", LABEL_SETS: "several labels for each sample", TEXT_TOKENS: "labels of tokens"}.get(labels, f"labels of {labels}")


def headline_of(further: Container[str]) -> str:
    """The metric that stands beside the loss, by the metrics of an evaluation beside loss and accuracy."""
    return next((name for name in HEADLINES if name in further), ACCURACY)


class Monitored(NamedTuple):
    """The metric that decides which evaluation is the best, by its lowest (`min`) or highest (`max`) value."""

    name: str = LOSS
    mode: str = "min"

    @property
    def title(self) -> str:
        """val loss"""
        return metric_of(self.name).title

    @property
    def short(self) -> str:
        return metric_of(self.name).short

    @property
    def comparative(self) -> str:
        """lower val loss, higher accuracy"""
        return f"{'higher' if self.mode == 'max' else 'lower'} {self.title}"

    def rank(self, value: float | None) -> float:
        """The smaller, the better; inf where there is no finite value."""
        if value is None or not math.isfinite(value):
            return math.inf
        return -value if self.mode == "max" else value


def rank_of(val_loss: float | None, name: str, mode: str, score: float | None) -> float:
    """Of an evaluation, by the monitored metric `name`: the smaller, the better; inf without an evaluation, or where its loss is not finite."""
    if Monitored().rank(val_loss) == math.inf:
        return math.inf
    return Monitored(name, mode).rank(val_loss if name == LOSS else score)


def monitored(name: str, mode: str = "auto") -> Monitored:
    """`mode` is "min", "max", or anything else for the metric's own."""
    return Monitored(name, mode if mode in {"min", "max"} else metric_of(name).mode)
