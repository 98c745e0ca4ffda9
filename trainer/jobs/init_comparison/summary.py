"""What was measured of each initialization, what is measured next, and which one is the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from gradtop.trainer.analysis.significance import LEVEL, half_width, welch
from gradtop.trainer.record.bounds import WHOLE

FIGURES = 5  # of a weight, before the counts
LAST = 5  # the loss after the steps is the mean over the last one in so many


@dataclass(frozen=True, slots=True)
class LayerScale:
    """One weight at the first step: `weight_std` of itself, `activation_std` of what its module puts out, `gradient_rms` of its gradient.

    NaN where that is not known. `bins` count its finite values in equal parts from `low` to `high`; both are the same where all values are.
    """

    name: str
    weight_std: float
    activation_std: float
    gradient_rms: float
    low: float
    high: float
    bins: tuple[float, ...]


def layer_scale(name: str, numbers: Sequence[float]) -> LayerScale:
    """From the numbers as they are measured and recorded; counts that are none are 0."""
    weight_std, activation_std, gradient_rms, low, high = (value if math.isfinite(value) else math.nan for value in numbers[:FIGURES])
    return LayerScale(name, weight_std, activation_std, gradient_rms, low, high, tuple(value if 0 <= value <= WHOLE else 0.0 for value in numbers[FIGURES:]))


@dataclass(frozen=True, slots=True)
class InitTrial:
    """One measurement: the loss before each optimizer step, up to the first that is not finite; none where it failed with `error`."""

    init: str
    seed: int
    losses: tuple[float, ...]
    layers: tuple[LayerScale, ...] = ()
    error: str = ""

    @property
    def diverged_at(self) -> int | None:
        """The optimizer step whose loss is not finite."""
        return next((step for step, loss in enumerate(self.losses, 1) if not math.isfinite(loss)), None)

    @property
    def loss(self) -> float:
        """After the steps; NaN where one is not finite."""
        return fmean(self.losses[-max(1, len(self.losses) // LAST) :]) if self.losses and self.diverged_at is None else math.nan

    @property
    def first_loss(self) -> float:
        """Before any step changed the weights."""
        return self.losses[0] if self.losses else math.nan


@dataclass(frozen=True, slots=True)
class InitSummary:
    """An initialization over its seeds; NaN where a figure is not known.

    `loss` ± `half_width` is Student's 95 % confidence interval. The ratios are 1 where the scale is preserved from layer to layer, in the
    direction in which activations (last to first layer) and gradients (first to last) flow. `p` is that of Welch's test against the best.
    """

    init: str
    seeds: int
    loss: float
    half_width: float
    first_loss: float
    activation_ratio: float
    gradient_ratio: float
    remarks: tuple[str, ...] = ()
    p: float = math.nan


@dataclass(frozen=True, slots=True)
class InitRanking:
    """`best` is "" where no loss falls; `indistinguishable` from it are those whose losses differ by no more than those of the seeds do.

    Of one seed, which tells nothing of that, they are all whose loss falls.
    """

    inits: tuple[InitSummary, ...]
    best: str = ""
    indistinguishable: tuple[str, ...] = ()


def trials_left(trials: Sequence[InitTrial], kinds: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, int]]:
    """The initializations and seeds to measure: all with the first seed, then with the next one. What failed is not tried with others."""
    done = {(each.init, each.seed) for each in trials}
    failed = {each.init for each in trials if each.error}
    return [(init, seed) for seed in seeds for init in kinds if (init, seed) not in done and init not in failed]


def rank(trials: Sequence[InitTrial], kinds: Sequence[str]) -> InitRanking:
    """Of those that were measured, in the order of `kinds`."""
    by_init = {init: [each for each in trials if each.init == init] for init in kinds}
    summaries = {init: summed_up(init, found) for init, found in by_init.items() if found}
    whole = [init for init, each in summaries.items() if math.isfinite(each.loss)]
    able = [init for init in whole if loss_falls(by_init[init])]
    if not able:
        return InitRanking(tuple(summaries.values()))
    best = min(able, key=lambda init: summaries[init].loss)
    losses = {init: [each.loss for each in by_init[init]] for init in whole}
    p = {init: distinct(losses[best], losses[init]) for init in whole if init != best}
    inits = tuple(replace(each, p=p.get(init, math.nan)) for init, each in summaries.items())
    return InitRanking(inits, best, tuple(init for init, likely in p.items() if likely >= LEVEL or (math.isnan(likely) and init in able)))


def distinct(best: Sequence[float], other: Sequence[float]) -> float:
    """How likely such a difference is where there is none; NaN where that is not known, as of one seed."""
    found = welch(best, other)
    if found is not None:
        return found.p
    # Losses that do not depend on the seed differ or do not.
    several = min(len(best), len(other)) > 1 and all(map(math.isfinite, (*best, *other)))
    return math.nan if not several else 1.0 if fmean(best) == fmean(other) else 0.0


def loss_falls(trials: Sequence[InitTrial]) -> bool:
    """Whether the loss falls by more than the noise of the seeds."""
    changes = [each.first_loss - each.loss for each in trials]
    width = half_width(changes)
    return all(map(math.isfinite, changes)) and fmean(changes) > (width if math.isfinite(width) else 0.0)


def summed_up(init: str, trials: Sequence[InitTrial]) -> InitSummary:
    losses = [each.loss for each in trials]
    whole = all(map(math.isfinite, losses))
    return InitSummary(
        init=init,
        seeds=len(trials),
        loss=fmean(losses) if whole else math.nan,
        half_width=half_width(losses) if whole else math.nan,
        first_loss=middle([each.first_loss for each in trials]),
        activation_ratio=middle([ratio([layer.activation_std for layer in each.layers][::-1]) for each in trials]),
        gradient_ratio=middle([ratio([layer.gradient_rms for layer in each.layers]) for each in trials]),
        remarks=tuple(remarks(trials)),
    )


def remarks(trials: Sequence[InitTrial]) -> list[str]:
    """What is wrong with it, as far as it was measured."""
    if error := next((each.error for each in trials if each.error), ""):
        return [error]
    found = []
    if diverged := [each for each in trials if each.diverged_at is not None]:
        others = f", and of {len(diverged) - 1} more" if len(diverged) > 1 else ""
        found.append(f"the loss is not finite at step {diverged[0].diverged_at} of seed {diverged[0].seed}{others}")
    known = [layer for each in trials for layer in each.layers if math.isfinite(layer.gradient_rms)]
    reached = {layer.name for layer in known if layer.gradient_rms > 0}
    if without := [name for name in dict.fromkeys(layer.name for layer in known) if name not in reached]:
        named = ", ".join(without[:3]) + (f" and {len(without) - 3} more" if len(without) > 3 else "")
        found.append(f"no gradient reaches {named}" if reached else "no weight gets a gradient")
    if not diverged and not loss_falls(trials):
        fell = fmean([each.first_loss - each.loss for each in trials])
        found.append("the loss falls by no more than the noise of the seeds" if fell > 0 and len(trials) > 1 else "the loss does not fall")
    return found


def ratio(values: Sequence[float]) -> float:
    """The first known value over the last one; NaN where there is none, or it is of zero."""
    known = [value for value in values if math.isfinite(value)]
    return known[0] / known[-1] if len(known) > 1 and known[-1] > 0 else math.nan


def middle(values: Sequence[float]) -> float:
    """The median of the finite ones."""
    finite = [value for value in values if math.isfinite(value)]
    return median(finite) if finite else math.nan


def over_seeds(rows: Sequence[Sequence[float]]) -> list[tuple[float, float, float]]:
    """Lowest, mean and highest finite value at each place of rows that may end before others; NaN where there is none."""
    found = []
    for place in range(max(map(len, rows), default=0)):
        finite = [row[place] for row in rows if place < len(row) and math.isfinite(row[place])]
        found.append((min(finite), fmean(finite), max(finite)) if finite else (math.nan,) * 3)
    return found
