"""What comes out of the layers: units that are dead or saturated, and an initialization that makes outputs shrink or grow with depth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from gradtop.trainer.analysis.findings.finding import Finding, Severity, rule
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.formatting import percent, significant
from gradtop.trainer.analysis.text import some_of
from gradtop.trainer.record.streams.registry import DEAD, SATURATED, STD, of_parameter

SHARE = 0.5  # of the units of a layer
NEWEST = 8  # measurements
EARLY = 10  # steps
VARIANCE = 1e4


def worst(run: RunHistory, column: str) -> list[tuple[float, str]]:
    """The modules in which the share is over half, in the median of the newest measurements, the worst first."""
    found = []
    for name in run.activations.names(column):
        values = run.activations.track(of_parameter(column, name)).finite[-NEWEST:]
        if values and (share := median(values)) > SHARE:
            found.append((share, name))
    return sorted(found, reverse=True)


@rule("dead-units", "gradients")
def dead(run: RunHistory) -> Iterator[Finding]:
    """Units of a layer give zero for every sample of a batch, so that they get no gradient and cannot come back.

    Threshold: over half of the units of a ReLU or its like, in the median of the last 8 measurements; an error where a layer is dead altogether.
    Source: SageMaker Debugger (50 % of a layer), torchmortem (50 %, critical 80 %).
    """
    if found := worst(run, DEAD):
        share, name = found[0]
        others = f", and over half of {len(found) - 1} more layer{'s' * (len(found) > 2)}" if len(found) > 1 else ""
        sentence = f"{percent(share)} of the units of layer {name} are dead{others}: zero for every sample of a batch"
        severity = Severity.ERROR if share > 0.99 else Severity.WARNING
        yield Finding(severity, f"{percent(share)} dead units", sentence, "lower the lr, use leaky_relu or gelu, look at the biases", {"worst": name, "share": share, "layers": len(found)})


@rule("saturated-units", "gradients")
def saturated(run: RunHistory) -> Iterator[Finding]:
    """Outputs of tanh, sigmoid or gates lie at their limits, where the gradient is almost zero.

    Threshold: over half of the outputs of a layer, in the median of the last 8 measurements.
    Source: SageMaker Debugger (50 % of a layer).
    """
    if found := worst(run, SATURATED):
        share, name = found[0]
        sentence = f"{percent(share)} of the outputs of {some_of([name for _, name in found])} are saturated"
        advice = "a smaller initialization, normalization before it, or another activation"
        yield Finding(Severity.WARNING, f"{percent(share)} saturated units", sentence, advice, {"worst": name, "share": share, "layers": len(found)})


@rule("poor-initialization", "gradients")
def poor_initialization(run: RunHistory) -> Iterator[Finding]:
    """Outputs shrink or grow from layer to layer before anything is learned.

    Threshold: within the first 10 steps the variances of the outputs of layers that have weights differ by more than 1e4, or one of them is zero. SageMaker Debugger
    takes 10; healthy networks with PyTorch's own initialization reach some hundreds.
    Source: Glorot, Bengio 2010; He et al. 2015; SageMaker Debugger (PoorWeightInitialization).
    """
    stds = {}
    for name in run.activations.weighted:
        track = run.activations.track(of_parameter(STD, name))
        early = [value for step, value in zip(track.steps, track.values, strict=True) if step - run.status.began <= EARLY and math.isfinite(value)]
        if early:
            stds[name] = early[0]
    if len(stds) < 3:
        return
    # What is before the head: its scale is that of the prediction, which may begin at zero.
    inner = dict(list(stds.items())[:-1])
    (low, smallest), (high, largest) = ((min if pick else max)((std, name) for name, std in inner.items()) for pick in (True, False))
    if high > 0 and low > 0 and high / low <= math.sqrt(VARIANCE):
        return
    times = (high / low) * (high / low) if low > 0 else math.inf
    if not high > 0:
        yield _poor("the outputs of all layers before the last one are the same for every sample", times, largest, smallest, run)
        return
    figure = f"{significant(times, 2)} times apart" if math.isfinite(times) else "zero in one of them"
    yield _poor(
        f"the variances of the layers' outputs are {figure} ({largest} {significant(high, 2)} and {smallest} {significant(low, 2)} as standard deviations)", times, largest, smallest, run
    )


def _poor(what: str, times: float, largest: str, smallest: str, run: RunHistory) -> Finding:
    advice = "init.kind = kaiming_normal for ReLU, xavier_normal for tanh and sigmoid"
    evidence: dict[str, float | str] = {"ratio": times, "largest": largest, "smallest": smallest}
    return Finding(Severity.WARNING, "poor initialization", f"poor initialization: in the first steps {what}", advice, evidence, run.status.began + 1)

