"""The weights: whether they move, how far at a time, and how much they have grown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.formatting import number, percent, significant
from gradtop.trainer.analysis.text import some_of
from gradtop.trainer.record.streams.registry import UPDATE_RATIO, WEIGHT_NORM, of_parameter

LARGE, SMALL = 0.1, 1e-5
GROWN, SHRUNK = 10.0, 1 / 30
USUAL = 2.0  # times √(outputs): the norm of a matrix whose elements are 1/√(inputs)
SAME = 1e-7  # relative: less than a float32 keeps of a weight
FEWEST, STEPS = 3, 60


@rule("weight-norm-not-finite", "weights")
def not_finite(run: RunHistory) -> Iterator[Finding]:
    """Trainable weights are NaN, infinite, or so large that their square overflows.

    Threshold: the newest norm of a parameter that trains is not finite.
    Source: arithmetic.
    """
    layers, last = run.layers, run.status.began + run.taken
    bad: dict[str, float] = {}
    for parameter in layers.parameters:
        track = layers.track(of_parameter(WEIGHT_NORM, parameter.name))
        # A step that was not completed has gradients alone.
        norms = [(step, value) for step, value in zip(track.steps, track.values, strict=True) if step <= last]
        if parameter.trainable and norms and not math.isfinite(norms[-1][1]):
            bad[parameter.name] = next(step for step, value in norms if not math.isfinite(value))
    if found := list(bad):
        since = min(bad.values())
        sentence = f"the weight norm of {some_of(found)} is not finite: weights are NaN, infinite or too large to be squared"
        advice = "the Weights mode counts those that are not finite; look at their initialization and the lr, or go back to a checkpoint before"
        yield Finding(Severity.ERROR, f"weight norm not finite in {len(found)}", sentence, advice, {"parameters": len(found), "first": found[0]}, int(since))


@rule("large-updates", "parameters")
def large_updates(run: RunHistory) -> Iterator[Finding]:
    """Updates change some weights by a large part of themselves, late in training.

    Threshold: the median of update:weight of a matrix over the last half of the steps is over 0.1, in less than half of them (else the lr is too high).
    Source: torchmortem (> 0.1, late median); Karpathy (about 1e-3 is usual).
    """
    ratios = run.layers.late_ratios
    found = sorted(((ratio, name) for name, ratio in ratios.items() if ratio > LARGE), reverse=True)
    if not found or median(ratios.values()) > LARGE:
        return
    ratio, name = found[0]
    sentence = f"updates change {some_of([name for _, name in found])} by {percent(ratio)} of themselves a step; about 0.1 % is usual"
    yield Finding(Severity.WARNING, f"large updates in {len(found)}", sentence, "a lower lr or a larger initialization of that layer", {"worst": name, UPDATE_RATIO: ratio, "parameters": len(found)})


@rule("small-updates", "parameters")
def small_updates(run: RunHistory) -> Iterator[Finding]:
    """Updates hardly change some weights, while others move.

    Threshold: at half of the highest lr or more the median of update:weight of a matrix over the last half of the steps is under 1e-5, and under 1/100 of the median of all.
    Source: torchmortem (< 1e-5, late median), relative to the other layers.
    """
    ratios = run.layers.late_ratios
    if not ratios or not run.lr >= run.peak_lr / 2:
        return
    usual = median(ratios.values())
    found = sorted((ratio, name) for name, ratio in ratios.items() if 0 < ratio < min(SMALL, usual / 100))
    if found:
        ratio, name = found[0]
        sentence = f"updates hardly change {some_of([name for _, name in found])}: {significant(ratio, 2)} of the weight a step, {significant(usual, 2)} in the median of the layers"
        yield Finding(Severity.WARNING, f"small updates in {len(found)}", sentence, "look at its gradient; a higher lr for that layer", {"worst": name, UPDATE_RATIO: ratio, "parameters": len(found)})


@rule("weights-not-moving", "parameters")
def not_moving(run: RunHistory) -> Iterator[Finding]:
    """Trainable weights do not change.

    Threshold: over at least 3 measurements and 60 steps the norm of a matrix stays within 1e-7 of itself, and every update that was measured is under 1e-7 of it; an error where it is
    over half of the matrices.
    Source: the spacing of float32 (6e-8); torchmortem (change < 1e-4).
    """
    layers, found, matrices = run.layers, [], 0
    for parameter in layers.parameters:
        if not parameter.is_matrix or not parameter.trainable:
            continue
        matrices += 1
        norms = layers.track(of_parameter(WEIGHT_NORM, parameter.name))
        values = norms.finite
        if len(values) < FEWEST or norms.steps[-1] - norms.steps[0] < STEPS:
            continue
        if max(values) - min(values) <= SAME * max(values) and all(ratio < SAME for ratio in layers.track(of_parameter(UPDATE_RATIO, parameter.name)).finite):
            found.append(parameter.name)
    if found:
        which = f"all {matrices} weight matrices" if len(found) == matrices > 1 else some_of(found)
        sentence = f"{which} {'do' if len(found) > 1 else 'does'} not move, in {number(int(layers.last_step - layers.first_step))} steps"
        advice = "no gradient reaches it, or the lr is too small for its weights: see the Gradients mode"
        severity = Severity.ERROR if 2 * len(found) > matrices else Severity.WARNING
        yield Finding(severity, f"{len(found)} weight{'s do' if len(found) > 1 else ' does'} not move", sentence, advice, {"parameters": len(found), "first": found[0]}, int(layers.first_step))


@rule("weights-grown", "parameters")
def grown(run: RunHistory) -> Iterator[Finding]:
    """The weights of a layer have grown many times over.

    Threshold: the norm of a matrix is 10 times that of its first measurement, and its elements are larger than 2/√(inputs), about four times what PyTorch begins with. A note while the validation loss is at its best, and under half of that of a constant
    prediction: a linear model that begins small must grow.
    Source: torchmortem (norm x 10).
    """
    layers = run.layers
    growth = {}
    for parameter in layers.parameters:
        values = layers.track(of_parameter(WEIGHT_NORM, parameter.name)).finite if parameter.is_matrix and parameter.trainable else []
        # A head that begins at zero grows without end by its first measurement, and into what is usual.
        if len(values) >= 2 and values[0] > 0 and values[-1] > USUAL * math.sqrt(parameter.sizes[0]):
            growth[parameter.name] = values[-1] / values[0]
    found = sorted(((times, name) for name, times in growth.items() if times >= GROWN), reverse=True)
    if found:
        times, name = found[0]
        sentence = f"the weights of {some_of([name for _, name in found])} have grown to {significant(times, 2)} times their norm at the first measurement"
        advice, severity = "lower the lr or add weight decay", Severity.WARNING
        if run.is_at_its_best:
            sentence += "; the validation loss is at its best all the same"
            advice, severity = f"if that begins to rise: {advice}", Severity.NOTE
        yield Finding(severity, f"weights grown × {significant(times, 2)}", sentence, advice, {"worst": name, "times": times, "parameters": len(found)}, int(layers.first_step))


@rule("weights-shrunk", "parameters")
def shrunk(run: RunHistory) -> Iterator[Finding]:
    """Weights are pulled to zero, so that what the layers put out fades away.

    Threshold: the norms of the matrices are, in their median, under a thirtieth of those of the first measurement.
    Source: gradtop; weight decay that is too strong beside the gradients.
    """
    layers, left = run.layers, {}
    for parameter in layers.parameters:
        values = layers.track(of_parameter(WEIGHT_NORM, parameter.name)).finite if parameter.is_matrix and parameter.trainable else []
        if len(values) >= FEWEST and values[0] > 0:
            left[parameter.name] = values[-1] / values[0]
    if not left or not (share := median(left.values())) < SHRUNK:
        return
    decay = run.figure("optimizer.weight_decay")
    sentence = f"the weights have shrunk to {significant(share, 2)} of their norm at the first measurement, in the median of {len(left)} matrices"
    advice = f"weight_decay {significant(decay)} is stronger than the gradients: 1e-4 to 1e-2 is usual" if decay > 0 else "look at what pulls them to zero"
    yield Finding(Severity.WARNING, "weights shrunk", sentence, advice, {"share": share, "parameters": len(left)}, int(layers.first_step))
