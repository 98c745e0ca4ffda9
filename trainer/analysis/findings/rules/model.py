"""The model itself: what its outputs can be, and what of it trains."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradtop.trainer.analysis.event_text import statistics_text, whole
from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.analysis.text import some_of
from gradtop.trainer.record import EventKind

WIDTHS = {"Sigmoid": 1.0, "Hardsigmoid": 1.0, "Tanh": 2.0, "Hardtanh": 2.0, "Softsign": 2.0}  # of the range of their outputs
RECTIFIERS = {"ReLU", "ReLU6", "Softplus"}
FAR = 0.2  # of the loss of a constant prediction
EVALUATIONS, ACCURATE, NEAR = 3, 0.6, 0.05


def least_loss(classes: int, width: float) -> float:
    """The cross entropy of logits within a range of this width when the right one is at its top and all others at its bottom."""
    return math.log1p((classes - 1) * math.exp(-width))


def looks_like_shares(loss: float, accuracy: float, classes: int) -> bool:
    """Whether probabilities in place of logits have this loss, and logits that are as sure as they are right would have another."""
    of_shares, right = least_loss(classes, 1.0) + 1 - accuracy, min(accuracy, 1 - 1e-9)
    of_logits = -right * math.log(right) - (1 - right) * math.log((1 - right) / (classes - 1))
    return abs(loss - of_shares) < NEAR and of_shares - of_logits > 2 * NEAR


@rule("bounded-outputs")
def bounded(run: RunHistory) -> Iterator[Finding]:
    """The outputs of the model are bounded, by a softmax, a sigmoid or a ReLU at its end, where the loss takes logits or standardized targets: it cannot come near zero.

    Threshold: the last module that runs is a sigmoid, tanh or their like, and no loss was under the least that its range allows; or, for a softmax, in each of the last three
    evaluations the loss is within 0.05 of ln(1 + (classes - 1) / e) + 1 - accuracy, which probabilities in place of logits have, with an accuracy of 60 % or more, and more than 0.1
    above that of logits which give their classes the probability with which they are right: with few classes and many errors the two are alike. Or the last module is a ReLU or
    its like, whose outputs are never negative, as half of the standardized targets of a regression are, and the loss is over a fifth of that of a constant prediction.
    Source: PyTorch, CrossEntropyLoss ("unnormalized logits"); the least loss by arithmetic.
    """
    kind = run.activations.last_kind
    if kind in RECTIFIERS:
        yield from rectified(run, kind)
        return
    classes, lowest = len(run.facts.class_counts), min((low for low in run.loss.curve.low if low == low), default=math.nan)
    if classes < 2 or run.loss.records < run.settled or run.figure("training.label_smoothing") > 0 or run.weights_classes:
        return
    least = least_loss(classes, WIDTHS.get(kind, 1.0))
    if not lowest >= least:
        return
    newest = run.finite_evals[-EVALUATIONS:]
    if kind in WIDTHS:
        sentence = f"the model ends with {kind}, and the loss takes logits: with {classes} classes it cannot fall under {significant(least)}"
    elif len(newest) == EVALUATIONS and all(each.accuracy >= ACCURATE and looks_like_shares(each.loss, each.accuracy, classes) for each in newest):
        last = newest[-1]
        sentence = f"the model seems to end with a softmax, and the loss takes logits: a validation loss of {significant(last.loss)} with an accuracy of {significant(last.accuracy)} is what"
        sentence += f" probabilities have, and with {classes} classes it cannot fall under {significant(least)}"
    else:
        return
    advice = "let the model return logits: the cross entropy applies the softmax itself"
    yield Finding(Severity.WARNING, "outputs bounded", sentence, advice, {"least_loss": least, "lowest": lowest, "classes": classes})


def rectified(run: RunHistory, kind: str) -> Iterator[Finding]:
    """What a model that never puts out negative values cannot do."""
    if run.loss.records < run.settled or not run.loss.late > FAR * run.loss.scale > 0:
        return
    if run.setting("task.kind") == "regression" and run.setting("task.standardize", True):
        meant = "the targets are standardized, so that about half of them are negative"
    elif len(run.facts.class_counts) >= 2:
        meant = "the loss takes logits: a class whose output is zero for all samples gets no gradient"
    else:
        return
    sentence = f"the model ends with {kind}, whose outputs are never negative, and {meant}"
    evidence = {"loss": run.loss.late, "constant_loss": run.loss.scale}
    yield Finding(Severity.WARNING, "outputs never negative", sentence, "let the last layer be linear, without an activation", evidence)


@rule("batch-norm-statistics")
def stale_statistics(run: RunHistory) -> Iterator[Finding]:
    """The running statistics of batch norms never move, so that an evaluation takes mean 0 and variance 1.

    Threshold: at the first evaluation a mean of exactly 0 and a variance of exactly 1, where batches were counted and the momentum is 0; or where none was counted, although the layer has a gradient: it trains in
    evaluation mode. Not where such a layer is frozen, or has the statistics of other weights.
    Source: events; PyTorch, BatchNorm2d.
    """
    event = next((event for event in reversed(run.reader.rare) if event["kind"] == EventKind.STATISTICS), None)
    if event is not None:
        advice = "leave them in training mode, unless they have the statistics of pretrained weights" if event.get("evaluating") else "give them a momentum above 0: PyTorch's default is 0.1"
        yield Finding(Severity.WARNING, "batch norm never updates", statistics_text(event), advice, {"layers": whole(event.get("count"))})


@rule("frozen-parameters", "parameters")
def frozen(run: RunHistory) -> Iterator[Finding]:
    """Parameters do not train, although the configuration freezes none.

    Threshold: one parameter with requires_grad = False, and freeze.kind is none.
    Source: layers.
    """
    names = [parameter.name for parameter in run.layers.parameters if not parameter.trainable]
    if not names or run.setting("freeze.kind", "none") != "none" or run.setting("model.kind") != "custom":
        return
    count = len(run.layers.parameters)
    sentence = f"{some_of(names)} of {count} parameters {'do' if len(names) > 1 else 'does'} not train: the model sets requires_grad = False"
    yield Finding(Severity.NOTE, f"{len(names)} frozen", sentence, "fine where it is meant so", {"parameters": len(names), "first": names[0]})
