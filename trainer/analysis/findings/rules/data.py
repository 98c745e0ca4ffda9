"""The data that a run trains on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from gradtop.trainer.analysis.event_text import absent_text, left_out_text
from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.formatting import number, percent, significant
from gradtop.trainer.record import EventKind
from gradtop.trainer.record.classification import read_classification

UNEQUAL = 10
MEAN, DEVIATION = 10.0, 100.0
OVERLAP = 0.05
APART = 4.0  # times
ALIKE, MOST = 0.8, 0.6  # of a batch, and of all samples


@rule("samples-left-out")
def left_out(run: RunHistory) -> Iterator[Finding]:
    """Samples cannot be read; others of their classes are trained on instead.

    Threshold: one sample, as the newest process found it.
    Source: events.
    """
    newest = next((event for event in reversed(run.reader.rare) if event["kind"] == EventKind.LEFT_OUT), None)
    if newest is not None:
        yield Finding(Severity.WARNING, "unreadable samples", left_out_text(newest), "repair or remove the file", {"samples": str(newest.get("count", ""))})


@rule("absent-class")
def absent(run: RunHistory) -> Iterator[Finding]:
    """No training sample is of a class that the model has an output for.

    Threshold: one class. Before training where all labels are known; of an iterable, or a Dataset that names its classes, after the first epoch or evaluation. For validation samples see classes-not-validated.
    Source: events.
    """
    if (event := _absent_in_training(run)) is not None:
        yield Finding(Severity.WARNING, "class without training samples", absent_text(event), "add samples of it, or leave the class out", {"classes": str(event.get("total", ""))})


def _absent_in_training(run: RunHistory) -> Mapping[str, Any] | None:
    return next((event for event in reversed(run.reader.rare) if event["kind"] == EventKind.ABSENT and event.get("part") == "training"), None)


@rule("class-imbalance")
def class_imbalance(run: RunHistory) -> Iterator[Finding]:
    """Some classes have far more training samples than others: accuracy then says little.

    Threshold: the largest has more than 10 times as many as the smallest, or a class has none, unless absent-class says so. Not for text, whose characters are never balanced, and not where task weights the classes or data.sampler draws them.
    Source: SageMaker Debugger (ClassImbalance, 10).
    """
    counts = run.facts.class_counts
    if len(counts) < 2 or run.setting("data.kind") == "text" or (run.facts.sampled and not min(counts)):
        return
    # What has no sample is told of once.
    known = [each for each in counts if each] if _absent_in_training(run) is not None else counts
    most, least = max(counts), min(known, default=0)
    if most <= UNEQUAL * least or run.weights_classes or run.draws_samples:
        return
    times = f"{significant(most / least, 2)} times as many" if least else "none of them"
    found = read_classification(run.reader.run)  # has the names, from the first evaluation on
    one, other = (found.name(each) if found is not None else str(each) for each in (counts.index(most), counts.index(least)))
    sentence = f"class {one} has {number(most)} of {number(sum(counts))} training samples ({percent(most / sum(counts))}), class {other} {number(least)}"
    sentence += f": {times}" if least else ""
    advice = "weight the loss by class (task.kind=classification task.balanced=true) or draw each equally often (data.sampler=balanced), and look at the accuracy of each class"
    yield Finding(Severity.WARNING, "class imbalance", sentence, advice, {"most": most, "least": least, "classes": len(counts)})


@rule("input-scale")
def input_scale(run: RunHistory) -> Iterator[Finding]:
    """What the model receives is not normalized, or all the same.

    Threshold: a mean beyond 10 or a standard deviation over 100 in the first batches, or one of zero.
    Source: DLCheck.
    """
    mean, std = run.facts.model_input_mean, run.facts.model_input_std
    mean, std = (math.nan if each is None else each for each in (mean, std))
    figures = f"mean {significant(mean)}, standard deviation {significant(std)}"
    evidence = {"mean": mean, "std": std}
    if abs(mean) > MEAN or std > DEVIATION:
        yield Finding(Severity.WARNING, "inputs not normalized", f"the inputs of the model are not normalized: {figures}", "normalize them to mean 0 and deviation 1", evidence)
    elif std == 0:
        yield Finding(Severity.ERROR, "inputs all the same", f"every input of the model is {significant(mean)}", "look at what the data loader returns", evidence)


@rule("validation-scale")
def validation_scale(run: RunHistory) -> Iterator[Finding]:
    """The inputs for validation are of another scale than those of training: one part is normalized, the other is not.

    Threshold: the standard deviation of the first batch of an evaluation is over 4 times that of the first training batches, or under a quarter, and so is how far 95 % of the values lie from the median; or the
    means are 4 of the larger standard deviation apart. Of inputs that are one tensor of floating-point numbers, as the model receives them, without categories.
    Source: gradtop.
    """
    facts = run.facts
    mean, std, spread = facts.model_input_mean, facts.model_input_std, facts.model_input_spread
    val_mean, val_std, val_spread = facts.val_input_mean, facts.val_input_std, facts.val_input_spread
    if mean is None or val_mean is None or not std or not val_std:
        return
    shifted = abs(val_mean - mean) > APART * max(std, val_std)
    # By both measures: a few huge values widen the deviation, and where most values are the same they have no spread.
    scaled = bool(spread and val_spread and (min(val_std / std, val_spread / spread) > APART or min(std / val_std, spread / val_spread) > APART))
    if not shifted and not scaled:
        return
    sentence = f"the inputs for validation have mean {significant(val_mean)} and standard deviation {significant(val_std)}, those of training {significant(mean)} and {significant(std)}"
    evidence = {"mean": mean, "std": std, "val_mean": val_mean, "val_std": val_std}
    yield Finding(Severity.WARNING, "validation inputs of another scale", sentence, "normalize both parts in the same way, by the statistics of the training data", evidence)


@rule("not-shuffled")
def not_shuffled(run: RunHistory) -> Iterator[Finding]:
    """Training samples come in the order of their labels: almost all of a batch are of one class, and other batches are of others.

    Threshold: the most frequent class of a batch has over 80 % of it, in the mean over at least 16 of the first 64 batches of 8 samples or more, and the most frequent one of all these batches under 60 %; or they are
    all of one class that has under 60 % of the samples for validation. Of data that have an order of their own (a DataLoader, an iterable); gradtop shuffles the others.
    Source: gradtop.
    """
    share, counts = run.facts.batch_share, run.facts.class_counts
    if share is None or share <= ALIKE or not sum(counts):
        return
    evidence: dict[str, float | str] = {"batch_share": share}
    advice = "shuffle them: shuffle=True of a DataLoader, or a buffer of many samples that an iterable draws from"
    found, first = read_classification(run.reader.run), counts.index(max(counts))
    name = found.name(first) if found is not None else str(first)
    if max(counts) < sum(counts):
        if (largest := max(counts) / sum(counts)) < MOST:
            sentence = f"{percent(share)} of a training batch are of one class, in the mean over the first batches, in which class {name} is the most frequent with {percent(largest)}: they are in the order of their labels"
            yield Finding(Severity.WARNING, "training data not shuffled", sentence, advice, evidence | {"largest": largest})
    elif found is not None and len(found.support) == len(counts) and (samples := sum(found.support)) and (usual := found.support[first] / samples) < MOST and _absent_in_training(run) is None:
        sentence = f"the first {number(sum(counts))} training samples are all of class {name}, which {percent(usual)} of those for validation are of: they are in the order of their labels, or hardly any are of another class"
        yield Finding(Severity.WARNING, "training data not shuffled", sentence, advice, evidence | {"largest": usual})


@rule("validation-overlap")
def overlap(run: RunHistory) -> Iterator[Finding]:
    """Samples for validation are trained on, too, so that validation says too much good of the model.

    Threshold: 5 % of those for validation, estimated from 256 of them and 8,192 training samples in memory; equal in every value.
    Source: gradtop.
    """
    if (found := run.facts.overlap) is not None and found > OVERLAP:
        sentence = f"about {percent(found)} of the samples for validation are training samples, too"
        advice = "split before samples are repeated or augmented, and remove duplicates"
        yield Finding(Severity.WARNING, f"{percent(found)} of validation trained on", sentence, advice, {"share": found})
