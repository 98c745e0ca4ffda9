"""The metrics of an evaluation on the validation set, each declared once, and which of them decides what is the best.

Their names are columns of the stream `evals`, keys of the status, and values of `training.monitor`. Imports nothing of gradtop, as
configuration, run directory, analysis and training all need it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from gradtop.trainer.named_tuple import NamedTuple

MetricMode = Literal["min", "max"]

METRICS_KEY = "training.metrics"
MONITOR_KEY = "training.monitor"
LOSS, ACCURACY = "loss", "accuracy"
BALANCED_ACCURACY, F1, TOP5_ACCURACY = "balanced_accuracy", "f1", "top5_accuracy"
PERPLEXITY, BITS_PER_CHARACTER = "perplexity", "bits_per_character"
R2, MAE, RMSE = "r2", "mae", "rmse"
AVERAGE_PRECISION, MICRO_F1 = "average_precision", "micro_f1"
MEAN_IOU, DICE = "mean_iou", "dice"
AUROC, WEIGHTED_F1, PRECISION, RECALL = "auroc", "weighted_f1", "precision", "recall"
MATTHEWS, COHEN_KAPPA, CALIBRATION_ERROR = "matthews_corrcoef", "cohen_kappa", "calibration_error"
EXPLAINED_VARIANCE, MAPE, PEARSON = "explained_variance", "mape", "pearson"
# What there is a label for; a character is a token, and tokens of no text are those of custom data. Values are numbers to predict in place of labels.
SAMPLES, CHARACTERS, TOKENS, VALUES = "samples", "characters", "tokens", "values"
TEXT_TOKENS = "text_tokens"  # each of which stands for some characters
PIXELS = "pixels"
LABEL_SETS = "label_sets"  # several labels for each sample, each of which is there or not
OF_CLASSES = (SAMPLES, CHARACTERS, TOKENS, TEXT_TOKENS)
TOP = 5
UNCOUNTED = 500  # steps from one evaluation to the next of data without a length, unless training.evaluate_every says otherwise
TOP_CLASSES = 10  # from so many on: of fewer, five guesses at random hold the class more often than not


class Metric(NamedTuple):
    """`title` stands beside its value, `short` in a table, where there is little room. `mode` says which value is better.

    It is measured where there is a label for each of one of the `labels`, of at least `classes` classes, and with a label for each of one of `added`
    where `training.metrics` names it; with neither, everywhere. `share` is True for a value between 0 and 1.
    """

    name: str
    title: str
    short: str
    mode: MetricMode
    help: str
    labels: tuple[str, ...] = ()
    classes: int = 0
    share: bool = True
    added: tuple[str, ...] = ()


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
            labels=(SAMPLES,), classes=TOP_CLASSES, added=OF_CLASSES,
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
            "(scikit-learn's average_precision_score), whatever the threshold; of a classification over the classes, of two that of the second.",
            labels=(LABEL_SETS,), added=(SAMPLES,),
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
        Metric(
            AUROC, "AUROC", "AUC", "max",
            "Area under the ROC curve: how often what has a class or label stands before what has not; the mean over the classes, each against all others, or over the labels "
            "(scikit-learn's roc_auc_score), without those that all samples have or none.",
            added=(SAMPLES, LABEL_SETS),
        ),
        Metric(
            WEIGHTED_F1, "weighted F1", "wF1", "max", "Mean of the F1 of the classes or labels, weighted by how often they occur (f1_score with average='weighted').",
            added=(SAMPLES, LABEL_SETS, PIXELS),
        ),
        Metric(
            PRECISION, "precision", "prec", "max",
            "Macro precision: mean over the classes or labels that occur or are predicted of TP / (TP + FP), 0 where it is never predicted (precision_score with average='macro').",
            added=(SAMPLES, LABEL_SETS, PIXELS),
        ),
        Metric(
            RECALL, "recall", "rec", "max",
            "Macro recall: mean over the classes or labels that occur or are predicted of TP / (TP + FN), 0 where it does not occur (recall_score with average='macro').",
            added=(SAMPLES, LABEL_SETS, PIXELS),
        ),
        Metric(
            MATTHEWS, "Matthews correlation", "MCC", "max", "Correlation of the classes that occur with those predicted, also of more than two (matthews_corrcoef).",
            added=(SAMPLES, PIXELS), share=False,
        ),
        Metric(COHEN_KAPPA, "Cohen's kappa", "κ", "max", "Agreement beyond that of chance (cohen_kappa_score).", added=(SAMPLES, PIXELS), share=False),
        Metric(
            CALIBRATION_ERROR, "calibration error", "ECE", "min",
            "Expected calibration error (Guo et al., 2017): how far the probability of the predicted class is from how often it is right, in 15 bins of equal width.",
            added=OF_CLASSES,
        ),
        Metric(
            EXPLAINED_VARIANCE, "explained variance", "EV", "max", "1 - variance of the errors / variance of the targets, the mean over the targets (explained_variance_score).",
            added=(VALUES,), share=False,
        ),
        Metric(
            MAPE, "MAPE", "MAPE", "min", "Mean absolute error as a share of the target (mean_absolute_percentage_error); immense where targets are 0.",
            added=(VALUES,), share=False,
        ),
        Metric(PEARSON, "Pearson correlation", "r", "max", "Correlation of predictions and targets, the mean over the targets.", added=(VALUES,), share=False),
    )
}  # fmt: skip
# What stands beside the loss, by what only evaluations of its kind have measured: of a language model nobody reads the accuracy.
HEADLINES: Mapping[str, str] = {PERPLEXITY: PERPLEXITY, R2: R2, MICRO_F1: AVERAGE_PRECISION, MEAN_IOU: MEAN_IOU}
# Beside loss and accuracy, which a column of each evaluation is for.
FURTHER = tuple(name for name in METRICS if name not in {LOSS, ACCURACY})


# What the code of a user measures beside these: a name that is a column of `evals` and can be typed in a condition.
OWN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,59}")
MOST_OWN = 64
NARROW = 12  # characters in a table
TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
TOP_NAME = re.compile(r"top([1-9]\d{0,2})_accuracy")
NO_NAMES = frozenset({"step", "time", "epoch", "val_loss", "seconds", "parameters"})  # of what stands beside them


def metric_of(name: str) -> Metric:
    """A declared metric; of another one, which a run measures by code of its own, what its name tells."""
    if found := METRICS.get(name):
        return found
    if top := top_of(name):
        return Metric(
            name, f"top-{top} accuracy", f"top{top}", "max", f"Share of the samples whose class is among the {top} with the largest outputs.",
            classes=top + 1, added=OF_CLASSES,
        )  # fmt: skip
    return Metric(name, name.replace("_", " "), name if len(name) <= NARROW else f"{name[: NARROW - 1]}…", "min", "", share=False)


def top_of(name: str) -> int:
    """3 of top3_accuracy; 0 of any other name."""
    found = TOP_NAME.fullmatch(name)
    return int(found[1]) if found else 0


def own_name_of(target: str) -> str:
    """The name of a metric that is code of the user, package.module:callable."""
    return target.rpartition(":")[2].rpartition(".")[2]


def is_declared(name: str) -> bool:
    """Whether it is known here which value is better."""
    return name in METRICS or top_of(name) > 0


def is_own(name: str) -> bool:
    """Whether a metric may have this name that is declared nowhere."""
    return name not in METRICS and name not in NO_NAMES and OWN_NAME.fullmatch(name) is not None


def unknown_metric(name: str, *, own: bool, added: Iterable[str] = ()) -> str:
    """Why no evaluation measures a metric of this name, as it stands after a key; "" where one may.

    `own` is whether code of a user measures any; `added` is `training.metrics`.
    """
    if is_declared(name) or (own and is_own(name)) or name in own_names(added):
        return ""
    return f"must be one of {', '.join(METRICS)}, not {name!r}{_near(name, METRICS)}"


def own_names(added: Iterable[str]) -> list[str]:
    """The names of those in `training.metrics` that are code of the user."""
    return [own_name_of(each) for each in added if ":" in each]


def wrong_in(added: Sequence[str]) -> str:
    """What is wrong with the names in `training.metrics`, whatever the data, as it stands after the key; "" for nothing."""
    names = []
    for each in added:
        names.append(own_name_of(each) if ":" in each else each)
        if ":" not in each and not is_declared(each):
            return f"{each!r} is no metric; there are {', '.join(name for name, metric in METRICS.items() if metric.added)}, and package.module:callable of yours{_near(each, METRICS)}"
        if ":" in each and TARGET.fullmatch(each) is None:
            return f"{each!r} must be package.module:callable, as code of yours is named"
        if ":" in each and (is_declared(names[-1]) or not is_own(names[-1])):
            return f"{each} would be recorded as {names[-1]!r}, which is the name of something else; rename it"
        if names[-1] in names[:-1]:
            return f"names {names[-1]} twice"
    return f"are {len(added)}, and a run records {MOST_OWN} of its own" if len(added) > MOST_OWN else ""


def _near(name: str, names: Iterable[str]) -> str:
    import difflib  # for a mistake alone

    found = difflib.get_close_matches(name[:80], list(names), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def metrics_in_order(names: Iterable[str]) -> list[str]:
    """The declared ones first, in their order."""
    there = list(dict.fromkeys(names))
    return [*(name for name in METRICS if name in there), *(name for name in there if name not in METRICS)]


def not_measured(name: str, labels: str, classes: int, added: Container[str] = ()) -> str:
    """Why a metric is not measured where there is a label for each of these, and so many classes (0: not known), and `training.metrics` has `added` some:
    as it stands after "requires"; "" where it is.
    """
    metric = metric_of(name)
    fitting = (*metric.labels, *metric.added)
    if fitting and labels and labels not in fitting:
        return f"{_labels_text(fitting[0])}, and these data have {_labels_text(labels)}"
    is_added = name in added
    if metric.added and not is_added and (labels in metric.added if labels else not metric.labels) and labels not in metric.labels:
        return "training.metrics to name it"
    least = top_of(name) + 1 if is_added else metric.classes
    if 0 < classes < least:
        return f"at least {least} classes, and these data have {classes}"
    return ""


def misfits_of_metrics(added: Sequence[str], labels: str, classes: int, about: str) -> Iterator[str]:
    """Why some of `training.metrics` are not measured: as it stands after the key, with what would be; `about` is where that comes from."""
    for name in added:
        if ":" not in name and (missing := not_measured(name, labels, classes, added)):
            yield f"{name} requires {missing} ({about}); there are {', '.join(addable(labels)) or 'none of these'}, and code of yours"


def addable(labels: str) -> list[str]:
    """What `training.metrics` can add where there is a label for each of these."""
    return [name for name, metric in METRICS.items() if labels in metric.added and labels not in metric.labels]


def _labels_text(labels: str) -> str:
    return {VALUES: "numbers as targets", LABEL_SETS: "several labels for each sample", TEXT_TOKENS: "labels of tokens"}.get(labels, f"labels of {labels}")


def headline_of(further: Container[str]) -> str:
    """The metric that stands beside the loss, by the metrics of an evaluation beside loss and accuracy."""
    return next((headline for name, headline in HEADLINES.items() if name in further), ACCURACY)


def expected_headline(labels: str) -> str:
    """The metric that will stand beside the loss where there is a label for each of these; "" where only the data tell."""
    return {SAMPLES: ACCURACY, VALUES: R2, LABEL_SETS: AVERAGE_PRECISION, PIXELS: MEAN_IOU, **dict.fromkeys((CHARACTERS, TOKENS, TEXT_TOKENS), PERPLEXITY)}.get(labels, "")


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
