"""Whether a gradient vanishes, explodes or is fine: the rules, each with its threshold and where that comes from.

A parameter's level is the median of its norms in the last `WINDOW` records: one bad batch is no trouble. Parameters of
different size are compared by norm / √count, the root mean square over their elements: matrices with matrices, and vectors
(biases, norms) with vectors, whose gradients are of another size. The reference is the upper quartile of them, not the
median: in a deep chain whose gradient shrinks from layer to layer (Hochreiter 1991; Bengio, Simard, Frasconi 1994; Glorot,
Bengio 2010) half of the layers may vanish, and the median with them.

Gradients shrink as a model fits its data. So a layer that became small vanishes only if it became small beside the others.

Gradients that grow on their way back, as those of a recurrent network do, leave the layer before the loss far under all others (Pascanu, Mikolov, Bengio
2013). That layer has the gradient of the loss itself: the others explode.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import median

from gradtop.trainer.analysis.formatting import scientific
from gradtop.trainer.named_tuple import NamedTuple

WINDOW = 16  # records that make the level
ENOUGH = 4  # records before anything but "not finite" is said, and parameters that make others
# In healthy runs of an MLP, a CNN, ResNet-18 and 50 and a ViT the smallest layer stays above 1/30 of the reference.
UNDER = 1 / 200
OVER = 1e3
# A level of its own that it never had: batches differ by a factor of ten, a median of them does not by a hundred.
RISE = 1e2
# A gradient that shrank while the model fitted its data may grow again; it explodes beyond where it began.
BEYOND = 10.0
# A norm that no healthy layer has under a loss of a usual size: where a layer only receives little, the others are not as loud.
LOUD = 10.0
# Adam divides by √v + 1e-8: below this its steps fade; with SGD such a step is lost in a float32 weight.
FAINT = 1e-8
# A bias whose gradient is rounding error while its weight learns: what follows (a batch norm) takes the bias out. One that vanishes does so with its weight.
CANCELLED = 1e-3
STEADY, FAST = 1.5, 4.0  # change of the level, newer half of the trend's records against the older half
TREND = 64  # records
SMALLEST = 1e-30
LARGE_UPDATE, HUGE_UPDATE = 0.1, 1.0  # update : weight; about 1e-3 is usual (Karpathy, "A Recipe for Training Neural Networks")


class Measured:
    """One parameter's norms, oldest first: `recent` record by record, `earlier` in means over stretches before its window."""

    def __init__(self, name: str, sizes: tuple[int, ...], recent: Sequence[float] = (), earlier: Sequence[float] = (), *, trainable: bool = True) -> None:
        self.name, self.sizes, self.recent, self.earlier, self.trainable = name, sizes, recent, earlier, trainable

    @cached_property
    def level(self) -> float:
        return middle(self.recent[-window(len(self.recent)) :])

    @cached_property
    def before(self) -> float:
        """The level that it had before; 0 where it had none."""
        return middle([value for value in self.earlier if value > 0])

    @cached_property
    def first(self) -> float:
        """What it began at; 0 where that is not known."""
        return next((value for value in self.earlier if value > 0), 0.0)

    @cached_property
    def spread(self) -> float:
        """√count: what a norm is divided by to be compared with those of other sizes."""
        return math.sqrt(math.prod(self.sizes) or 1)

    @cached_property
    def is_vector(self) -> bool:
        return sum(1 for size in self.sizes if size > 1) < 2

    @property
    def weight(self) -> str:
        """The name of the weight that this would be the bias of."""
        module, dot, last = self.name.rpartition(".")
        return f"{module}{dot}{last.replace('bias', 'weight')}" if "bias" in last else ""


class GradientHealth(NamedTuple):
    """`state` in a word, `why` in a few; `tone` is success, warning, error or muted; `rank` sorts by trouble, the worst first."""

    state: str
    why: str = ""
    size: float = 1.0

    @property
    def symbol(self) -> str:
        return STATES[self.state][0]

    @property
    def tone(self) -> str:
        return STATES[self.state][1]

    @property
    def rank(self) -> tuple[int, float]:
        return list(STATES).index(self.state), -self.size

    @property
    def is_trouble(self) -> bool:
        return self.tone in {"warning", "error"}


STATES = {
    "not finite": ("✕", "error"),
    "exploding": ("▲", "error"),
    "zero": ("∅", "warning"),
    "vanishing": ("▼", "warning"),
    "fine": ("✓", "success"),
    "no effect": ("·", "muted"),
    "no gradient yet": ("◌", "muted"),
    "frozen": ("□", "muted"),
}
FINE = GradientHealth("fine")
NO_EFFECT = GradientHealth("no effect", "what follows cancels this bias, as a norm does, or the softmax of an attention")


def assess_gradients(parameters: Sequence[Measured]) -> dict[str, GradientHealth]:
    """The health of the gradients of each parameter, by name."""
    healths = {each.name: found for each in parameters if (found := alone(each)) is not None}
    rest = [each for each in parameters if each.name not in healths]
    density = {each.name: each.level / each.spread for each in rest}
    without_effect = cancelled(rest, density)
    loud = amplified(rest, density, without_effect)
    for is_vector in (False, True):
        peers = [each for each in rest if each.is_vector is is_vector]
        # Those that explode, and those that have no effect, are no measure for the others.
        usual = [density[each.name] for each in peers if each.name not in without_effect and not rise(each) and each.name not in loud]
        reference = upper_quartile(usual) if len(usual) > 1 else 0.0
        shrunk = upper_quartile([each.level / each.before for each in peers if each.before > 0 and each.name not in loud])
        began = upper_quartile([each.first / each.spread for each in peers if each.first > 0])
        for each in peers:
            factor = density[each.name] / reference if reference > 0 else 1.0
            healths[each.name] = loud.get(each.name) or among(each, factor, shrunk if len(peers) > 1 else 0.0, began)
    for name, weight in without_effect.items():
        # Where the weight vanishes, too, it is the one to be named: a layer that does not train has a bias as small as its weight.
        if not healths[weight].is_trouble or healths[weight].state == healths[name].state == "vanishing":
            healths[name] = NO_EFFECT
    for each in parameters:
        # The bias of the keys of an attention: the softmax takes out what is added to all of them alike, and leaves rounding errors, of bf16 larger
        # ones. A gradient of exactly zero is none of these: nothing reaches that bias.
        if healths[each.name].state == "vanishing" and each.weight in healths and healths[each.weight] == FINE:
            healths[each.name] = NO_EFFECT
    return healths


def alone(each: Measured) -> GradientHealth | None:
    """What can be said without history and without the others; None where that is nothing."""
    if not each.trainable:
        return GradientHealth("frozen", "it does not train")
    if not each.recent:
        return GradientHealth("no gradient yet")
    last = each.recent[-WINDOW:]
    if bad := [value for value in last if not math.isfinite(value)]:
        which = "nan" if bad[-1] != bad[-1] else "infinite"
        return GradientHealth("not finite", which if len(last) == 1 else f"{which} in {len(bad)} of the last {len(last)} measurements")
    zeros = sum(1 for value in last if not value)
    if len(last) < ENOUGH and zeros == len(last):
        return GradientHealth("fine", "zero so far")
    if 2 * zeros > len(last) >= ENOUGH:
        return GradientHealth("zero", f"in {zeros} of the last {len(last)} measurements: nothing reaches it", zeros)
    return None


def among(each: Measured, factor: float, shrunk: float, began: float) -> GradientHealth:
    """What its own history and its peers say of one parameter: `factor` is its size beside the reference, `shrunk` how its peers changed, `began` what they began at per element."""
    # Small layers that catch up with the others do not explode.
    if (risen := rise(each)) and each.level / each.spread >= BEYOND * max(began, each.first / each.spread) and factor >= 0.1:
        return GradientHealth("exploding", f"{times(risen)} × over its own level before", risen)
    if len(each.recent) < ENOUGH:
        return FINE
    # Where most of the others vanish, the one that is over them is the healthy one, and has not grown.
    if factor >= OVER and each.level >= BEYOND * each.first > 0:
        return GradientHealth("exploding", f"{times(factor)} × over the others", factor)
    if factor <= UNDER:
        return vanishing(factor, "{} × under the others")
    if each.before and shrunk and (fallen := each.level / each.before / shrunk) <= UNDER:
        return vanishing(fallen, "fell {} × more than the others")
    if max(*each.recent, *each.earlier, 0.0) < FAINT * each.spread:
        return vanishing(each.level / each.spread / FAINT, "never above 1e-8 per element")
    return FINE


def vanishing(factor: float, why: str) -> GradientHealth:
    size = 1 / max(factor, SMALLEST)
    return GradientHealth("vanishing", why.format(times(size)), size)


def times(factor: float) -> str:
    """The order of magnitude, readable in ASCII too, where a superscript would become a digit: 40, 300, 1e6."""
    return scientific(factor, 1) if factor >= 1000 else f"{float(f'{factor:.1g}'):.0f}"


def rise(each: Measured) -> float:
    """By how much it is over its own level before, where that is enough to explode; else 0."""
    before = each.before
    factor = each.level / before if before and len(each.recent) >= ENOUGH else 0.0
    return factor if factor >= RISE else 0.0


def amplified(parameters: Sequence[Measured], density: Mapping[str, float], without_effect: Mapping[str, str]) -> dict[str, GradientHealth]:
    """Those whose gradient has grown on its way back from the last matrix, which is the one before the loss, and from its bias.

    The gradient of a weight is small, too, where what it receives is; that of its bias is not.
    """
    known = [each for each in parameters if len(each.recent) >= ENOUGH and each.name not in without_effect]
    last = next((each for each in reversed(known) if not each.is_vector), None)
    if last is None:
        return {}
    level = max(density[each.name] for each in known if each is last or each.weight == last.name)
    loud = [each for each in known if each.level >= LOUD and density[each.name] * UNDER >= level > 0]
    if all(each.is_vector for each in loud):
        return {}
    factors = {each.name: density[each.name] / level for each in loud}
    return {name: GradientHealth("exploding", f"{times(factor)} × over {last.name}, before the loss", factor) for name, factor in factors.items()}


def cancelled(parameters: Sequence[Measured], density: Mapping[str, float]) -> dict[str, str]:
    """The biases whose gradient is rounding error beside that of their weight, each with that weight."""
    return {
        each.name: each.weight
        for each in parameters
        if each.weight in density and len(each.recent) >= ENOUGH and density[each.name] <= CANCELLED * density[each.weight]
    }


def window(records: int) -> int:
    """How many of so many records make the level: a quarter, so that a run of four has a history, at most `WINDOW`."""
    return max(1, min(WINDOW, records // 4))


def middle(values: Sequence[float]) -> float:
    """The median of the finite values; 0 of none."""
    finite = [value for value in values if math.isfinite(value)]
    return median(finite) if finite else 0.0


def upper_quartile(values: Sequence[float]) -> float:
    """The smallest value that a quarter of them do not exceed; 0 of none."""
    return sorted(values)[math.ceil(0.75 * len(values)) - 1] if values else 0.0


def trend(recent: Sequence[float]) -> tuple[str, str]:
    """Arrow and word for how the level of the last `TREND` records changed; "" while there are too few to tell."""
    finite = [value for value in recent[-TREND:] if math.isfinite(value) and value > 0]
    if len(finite) < 2 * ENOUGH:
        return "", ""
    half = len(finite) // 2
    change = median(finite[half:]) / median(finite[:half])
    size = max(change, 1 / max(change, SMALLEST))
    if size < STEADY:
        return "→", "steady"
    return "↗" if change > 1 else "↘", "slow" if size < FAST else "fast"
