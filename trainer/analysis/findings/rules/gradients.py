"""Gradients: what the Gradients mode says of each parameter, and how often they are clipped."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.findings.rules import weights
from gradtop.trainer.analysis.formatting import number, percent, significant
from gradtop.trainer.analysis.gradient_health import OVER, GradientHealth
from gradtop.trainer.analysis.text import some_of
from gradtop.trainer.record.streams.registry import CLIPPED, GRAD_NORM

NEARLY_ALWAYS, ENOUGH, FAR = 0.95, 100, 3.0


def those(run: RunHistory, state: str) -> list[tuple[str, GradientHealth]]:
    """The parameters that are in a state, the worst first."""
    return sorted([each for each in run.layers.healths.items() if each[1].state == state], key=lambda each: each[1].rank)


def sentence(run: RunHistory, found: list[tuple[str, GradientHealth]], what: str) -> str:
    return f"the gradient {what} in {len(found)} of {len(run.layers.healths)} parameters: {some_of([name for name, _ in found])} ({found[0][1].why})"


@rule("gradient-not-finite", "gradients")
def not_finite(run: RunHistory) -> Iterator[Finding]:
    """The gradient of a parameter was NaN or infinite in one of the newest measurements.

    Threshold: one of the last 16 measurements.
    Source: arithmetic; gradient_health.
    """
    if found := those(run, "not finite"):
        advice = "lower the lr, clip the gradients; in fp16 some are skipped on purpose"
        yield Finding(Severity.ERROR, f"gradient not finite in {len(found)}", sentence(run, found, "is not finite"), advice, {"parameters": len(found), "worst": found[0][0]})


@rule("exploding-gradients", "gradients")
def exploding(run: RunHistory) -> Iterator[Finding]:
    """The gradient of a parameter is far beyond what it ever was, or beyond those of all others.

    Threshold: 100 times its own level before and 10 times that of its first measurement, or 1,000 times the upper quartile of the others per element; or, with a norm of 10 or more, 200 times
    the last matrix, which is the one before the loss, and its bias per element: gradients that grow on their way back, as in a recurrent network with large weights. A note
    up to 1,000 times while the validation loss is at its best, and under half of that of a constant prediction: gradients that began small, as those of scaled-down outputs do, grow.
    Source: gradient_health; torchmortem (a layer > 1,000), relative to the run's own; Pascanu, Mikolov, Bengio 2013.
    """
    if found := those(run, "exploding"):
        evidence: dict[str, float | str] = {"parameters": len(found), "worst": found[0][0], "times": found[0][1].size}
        advice = "clip the gradients, lower the lr, add a warm-up, or begin with smaller weights"
        if found[0][1].size < OVER and run.is_at_its_best:
            said = sentence(run, found, "has grown far") + "; the validation loss is at its best all the same"
            yield Finding(Severity.NOTE, f"gradients grew in {len(found)}", said, f"if the loss begins to jump: {advice}", evidence)
        else:
            yield Finding(Severity.ERROR, f"gradients explode in {len(found)}", sentence(run, found, "explodes"), advice, evidence)


@rule("zero-gradients", "gradients")
def zero(run: RunHistory) -> Iterator[Finding]:
    """A trainable parameter receives no gradient.

    Threshold: exactly zero in most of at least 4 measurements.
    Source: gradient_health.
    """
    if found := those(run, "zero"):
        advice = "dead units, zero initialization, or a part of the model that the loss does not depend on"
        yield Finding(Severity.WARNING, f"zero gradient in {len(found)}", sentence(run, found, "is zero"), advice, {"parameters": len(found), "worst": found[0][0]})


@rule("vanishing-gradients", "gradients")
def vanishing(run: RunHistory) -> Iterator[Finding]:
    """Gradients shrink from layer to layer, so that those far from the loss do not train.

    Threshold: 200 times under the upper quartile of the others per element, or 200 times more fallen than they have.
    Source: gradient_health (healthy networks stay above 1/30); torchmortem (last/first layer > 100, critical > 1,000), Hochreiter 1991.
    """
    found = those(run, "vanishing")
    if found and not any(weights.shrunk(run)):  # which says why
        evidence: dict[str, float | str] = {"parameters": len(found), "worst": found[0][0], "times": found[0][1].size}
        advice = "normalization, residual connections, or ReLU in place of sigmoid or tanh let gradients through"
        yield Finding(Severity.WARNING, f"gradients vanish in {len(found)}", sentence(run, found, "vanishes"), advice, evidence)


@rule("clipping", "gradients")
def clipping(run: RunHistory) -> Iterator[Finding]:
    """Gradients are clipped in nearly every step, by far: the clip and not the lr sets the size of the steps.

    Threshold: 95 % of the steps of the last half, at least 100, with a median norm of 3 times the clip. A note with optimizers like Adam, whose steps do not
    depend on the size of the gradients.
    Source: Pascanu et al. 2013 clip what is rare.
    """
    hits = run.curves[CLIPPED]
    half = run.status.began + run.taken / 2
    late = [(mean, count) for x, mean, count in zip(hits.x, hits.mean, hits.finite, strict=True) if x >= half and count]
    count = sum(count for _, count in late)
    if count < ENOUGH:
        return
    share = sum(mean * count for mean, count in late) / count
    clip, norm = run.figure("training.clip"), run.late_grad_norm
    if share < NEARLY_ALWAYS or (clip > 0 and not norm > FAR * clip):
        return
    severity = Severity.NOTE if run.is_adaptive else Severity.WARNING
    by = f", to {significant(clip / norm, 2)} of their norm in the median" if clip > 0 else ""
    said = f"gradients were clipped in {percent(share)} of the last {number(count)} steps{by}: the clip, not the lr, sets the size of the steps"
    advice = f"the median norm is {significant(norm)}: clip above it, or lower the lr"
    yield Finding(severity, f"clipped in {percent(share)} of steps", said, advice, {"share": share, GRAD_NORM: norm, "clip": clip}, int(half))
