"""The training loss: whether it is a number, falls, jumps or stands."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.findings.rules import activations, data, gradients, model, weights
from gradtop.trainer.analysis.findings.rules.lr import LARGE, remedy
from gradtop.trainer.analysis.formatting import number, percent, significant

PASSED = 0.1  # of the steps so far, after which what has not come again has passed
ABOVE = ((5, 10.0), (30, 3.0), (0, 1.3))  # in fewer steps than the first, how many times above its start the loss has diverged
FEW = 8  # losses, of which the newest tells more than their median
LOST = 0.5  # of what was gained
FALLEN = 0.03  # of the loss of a constant prediction
LEARNED = 0.1  # of that of validation
GAINED = 0.3
SOME = 5  # times the steps after which a network shows that it learns
STILL, LEAST = 0.01, 300  # relative change over a third of the steps, and steps in that third
ALMOST_NONE, BATCHES = 0.05, 10
MOST_DROPPED = 0.8  # by dropout
CLIPPED_FAR = 100.0  # times the clip that the gradients are, from which on it may be why nothing is learned


@rule("loss-not-finite")
def not_finite(run: RunHistory) -> Iterator[Finding]:
    """The training loss was NaN or infinite.

    Threshold: one loss; it has passed when a tenth of the steps so far, and 20 steps, were finite since.
    Source: arithmetic.
    """
    count, first, last = run.loss.not_finite
    if not count:
        return
    newest = run.status.began + run.taken
    passed = newest - last > max(20, PASSED * run.taken)
    where = f"at step {number(first)}" if count == 1 else f"in {number(count)} steps since {number(first)}"
    advice = "lower the lr, clip the gradients, and look for bad samples; in fp16 try bf16"
    evidence = {"steps": count, "first": first, "last": last}
    yield Finding(Severity.ERROR, f"loss not finite at {number(first)}", f"the training loss was not finite {where}", advice, evidence, first, passed)


@rule("diverged")
def diverged(run: RunHistory) -> Iterator[Finding]:
    """The training loss is far above where it began, or has lost half of what it had gained and does not come back.

    Threshold: the median of the newest losses is 1.3 times the larger of the first loss and that of a constant prediction (3 times within the first
    30 steps, 10 times within the first 5); or, since a tenth of the steps and at least 50, half of the gain is lost.
    Source: torchmortem (× 1.5), relative to the run's own start.
    """
    loss = run.loss
    if loss.records < 2 or not loss.scale > 0:
        return
    factor = next(factor for fewer, factor in ABOVE if loss.records < fewer or not fewer)
    if loss.now > factor * loss.scale:
        since, value = loss.since(loss.scale), loss.now if loss.records > FEW else loss.newest[-1]
        times = value / loss.scale
        began = f"it began at {significant(loss.initial)}" if loss.initial >= loss.scale else f"a constant prediction has {significant(loss.scale)}"
        sentence = f"the training loss is {significant(value)}, {significant(times, 2)} times where learning nothing would leave it: {began}"
        yield Finding(Severity.ERROR, "diverged", sentence, remedy(run, high=True), {"loss": value, "initial": loss.initial, "times": times}, since)
        return
    step, low = loss.lowest
    limit = low + LOST * (loss.scale - low)
    if loss.scale - low > GAINED * loss.scale and loss.now > limit and loss.records > 2 * LEAST / 10:
        since = loss.since(limit)
        if run.status.began + run.taken - since >= max(50, 0.1 * run.taken):
            sentence = f"the training loss was {significant(low)} around step {number(step)}; since step {number(since)} it is about {significant(loss.now)}"
            evidence = {"loss": loss.now, "lowest": low, "lowest_step": step}
            yield Finding(Severity.ERROR, f"collapsed at {number(since)}", sentence, f"go back to a checkpoint before step {number(since)}; {remedy(run, high=True)}", evidence, since)


@rule("not-learning")
def not_learning(run: RunHistory) -> Iterator[Finding]:
    """The training loss is still at the level of a model that has learned nothing.

    Threshold: after an epoch (60 to 500 steps at half of the configured lr or more) the mean of the last quarter of the steps is less than 3 % under the
    loss of the best constant prediction (ln of the number of balanced classes), or under the first loss where that is not known; and the newest validation loss is not 10 % under
    that of a constant prediction, as it may be where label smoothing or mixed images keep the training loss up.
    Source: Karpathy, "A Recipe for Training Neural Networks" (loss at init, input-independent baseline).
    """
    loss = run.loss
    if run.steps_at_lr < run.settled or not loss.initial > 0 or loss.records < run.settled:
        return
    known = loss.chance == loss.chance
    if not known and run.begins_trained:
        return
    target = loss.chance if known else loss.initial
    if loss.late < (1 - FALLEN) * target or (loss.now < (1 - 2 * FALLEN) * target):
        return
    if any(diverged(run)) or validates(run, 1 - LEARNED):
        return
    level = f"a constant prediction has {significant(target)}" if known else f"it began at {significant(target)}"
    sentence = f"not learning: after {number(run.taken)} steps the training loss is {significant(loss.late)}; {level}"
    yield Finding(Severity.ERROR, "not learning", sentence, why_not(run), {"loss": loss.late, "constant_loss" if known else "initial": target, "steps": run.taken}, run.status.began + 1)


def validates(run: RunHistory, share: float) -> bool:
    """Whether the newest validation loss is under this share of that of a constant prediction."""
    return bool(run.finite_evals) and run.finite_evals[-1].loss < share * run.val_chance


def why_not(run: RunHistory) -> str:
    """What may keep a model from learning, as far as the record tells."""
    if known := [f"{found.title}: {found.advice}" for each in (data.input_scale, weights.shrunk) for found in each(run)]:
        return known[0]
    if run.loss.highest > 2 * run.loss.scale or run.layers.late_ratio > LARGE:
        return remedy(run, high=True)
    if (dropout := run.figure("model.dropout")) >= MOST_DROPPED:
        return f"model.dropout = {significant(dropout)} leaves {percent(1 - dropout)} of the units of a layer: lower it"
    clip, norm = run.figure("training.clip"), run.late_grad_norm
    if 0 < clip < norm / CLIPPED_FAR and any(found.severity is Severity.WARNING for found in gradients.clipping(run)):
        return f"training.clip = {significant(clip)} leaves {significant(clip / norm, 2)} of the norm of the gradients: that may be why; clip above their median norm, {significant(norm)}"
    if any(found.evidence["ratio"] == math.inf for found in activations.poor_initialization(run)):
        return "the outputs of the layers do not depend on their inputs in the first steps: that may be why"
    causes = [found.sentence.partition(":")[0] for each in (gradients.exploding, activations.dead, activations.saturated, gradients.zero, gradients.vanishing) for found in each(run)]
    return f"{causes[0]}: that may be why" if causes else remedy(run, high=False)


@rule("loss-spike")
def spike(run: RunHistory) -> Iterator[Finding]:
    """The training loss jumped, against how much it varies in the run itself.

    Threshold: one loss that is as much above where it was as the loss was in the beginning, and 6 times as far as usual; or steps in a row that are a
    tenth of that above it, and 4 times as far. It has passed when the loss is back within a quarter of the jump.
    Source: spikes of 3 times the running mean are used elsewhere; a loss near zero jumps by any factor, so that the initial loss is the measure.
    """
    spikes = run.loss.spikes
    if not spikes:
        return
    last = spikes[-1]
    jump = f"from {significant(last.before)} to {significant(last.peak)}"
    many = f"{len(spikes)} loss spikes, the last at step {number(last.step)}" if len(spikes) > 1 else f"loss spike at step {number(last.step)}"
    evidence = {"spikes": len(spikes), "step": last.step, "before": last.before, "peak": last.peak}
    advice = "a bad batch, or an lr near the edge: clip the gradients or lower the lr"
    if last.until is None:
        yield Finding(Severity.WARNING, f"loss spike at {number(last.step)}", f"{many}, {jump}, not recovered so far", advice, evidence, last.step)
        return
    steps = max(1, last.until - last.step)
    sentence = f"{many}, {jump}, recovered within {number(steps)} step{'s' * (steps > 1)}"
    often = len(spikes) >= 3 and run.status.began + run.taken - last.until < PASSED * run.taken
    title = f"{len(spikes)} loss spikes" if often else f"loss spike at {number(last.step)}, recovered"
    yield Finding(Severity.WARNING, title, sentence, advice, evidence, last.step, passed=not often)


@rule("underfitting")
def underfitting(run: RunHistory) -> Iterator[Finding]:
    """Late in training the model has learned little, although the loss still falls.

    Threshold: at 60 % of the planned steps and 300 to 2,500 steps (5 epochs) or more the training loss is still over 70 % of that of a constant prediction, and so is the validation loss.
    Source: gradtop.
    """
    loss = run.loss
    if loss.chance != loss.chance or not run.planned or run.taken < max(0.6 * run.planned, SOME * run.settled):
        return
    share = loss.late / loss.chance
    if not 1 - GAINED < share < 1 - FALLEN or any(diverged(run)) or any(model.bounded(run)) or validates(run, 1 - GAINED):
        return
    falling = loss.mean_from(0.5, 0.75) - loss.late > STILL * loss.late
    sentence = f"underfitting: the training loss is {significant(loss.late)}, {percent(share)} of a constant prediction's, after {percent(run.taken / run.planned)} of the steps"
    if min((each.loss for each in run.finite_evals), default=0.0) > (1 - FALLEN) * run.val_chance:
        advice = "the validation loss is at the level of a constant prediction: check that inputs and labels belong together"
    else:
        advice = "it still falls: train longer, or with a higher lr" if falling else "a larger model, a higher lr or less regularization may fit the data"
    yield Finding(Severity.WARNING, "underfitting", sentence, advice, {"loss": loss.late, "constant_loss": loss.chance, "share": share}, run.status.began + run.taken)


@rule("plateau")
def plateau(run: RunHistory) -> Iterator[Finding]:
    """The training loss stands still while the learning rate is still high.

    Threshold: over the last two thirds of the steps, each third at least 300 steps long, it changed by less than 1 %, at half of the highest lr or more.
    Source: torchmortem (relative range < 1e-5 over 20 steps), wider for the noise of batches.
    """
    loss = run.loss
    if run.taken < 3 * LEAST or not run.lr >= run.peak_lr / 2 or not loss.scale > 0:
        return
    before, now = loss.mean_from(1 / 3, 2 / 3), loss.mean_from(2 / 3)
    change = (before - now) / before if before > 0 else math.nan
    if not abs(change) < STILL or now > (1 - FALLEN) * loss.scale or any(not_learning(run)) or any(model.bounded(run)):
        return
    since = run.status.began + run.taken // 3
    sentence = f"the training loss has been {significant(now)} since about step {number(since)}: it changed by {percent(abs(change), 1)} in {number(run.taken // 3)} steps"
    yield Finding(Severity.NOTE, "plateau", sentence, "a lower lr often gets it moving again; or the model fits no better", {"loss": now, "change": change}, since)


@rule("leak")
def leak(run: RunHistory) -> Iterator[Finding]:
    """A model that knows nothing yet predicts almost perfectly: the target may be among the inputs.

    Threshold: a loss under 5 % of that of a constant prediction, in the median of batches 6 to 10, without pretrained weights.
    Source: DLCheck.
    """
    loss = run.loss
    if loss.chance != loss.chance or run.begins_trained or len(loss.first) < BATCHES:
        return
    low = median(loss.first[:BATCHES][-5:])
    if low < ALMOST_NONE * loss.chance:
        sentence = f"the loss was {significant(low)} within the first {BATCHES} batches, where a constant prediction has {significant(loss.chance)}"
        yield Finding(Severity.WARNING, "loss near zero at once", sentence, "look whether the target is among the inputs", {"loss": low, "constant_loss": loss.chance}, run.status.began + 1)
