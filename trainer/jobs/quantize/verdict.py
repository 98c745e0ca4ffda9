"""The claim about dynamic quantization, "75 % smaller, 2–4 times as fast", checked against what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradtop.trainer.analysis.formatting import number, percent
from gradtop.trainer.jobs.quantize.config import DYNAMIC
from gradtop.trainer.jobs.quantize.trial import QuantizeTrial, float_of, smaller_by
from gradtop.trainer.metrics import LOSS, METRICS, is_own
from gradtop.trainer.record.text import clean

SMALLER = 0.725  # rounds to 75 % in steps of 5 %
FASTER = 2.0
SIZE_CLAIM, SPEED_CLAIM = '"75 % smaller"', '"2–4 times as fast"'
MOSTLY = 0.1  # a share of the parameters from which on it is told what they are in
PLURALS = {"Linear": "linear layers", "LSTM": "LSTMs", "Embedding": "embeddings", "GRU": "GRUs", "RNN": "RNNs", "MultiheadAttention": "attention layers"}


@dataclass(frozen=True, slots=True)
class TouchedLayer:
    """A layer that some method quantizes; `dynamic` where a dynamic one does."""

    name: str
    kind: str
    parameters: int
    dynamic: bool


@dataclass(frozen=True, slots=True)
class LeftKind:
    """Parameters of one kind of module that no method quantizes; `reason` is "" where none knows the kind."""

    kind: str
    reason: str
    parameters: int


@dataclass(frozen=True, slots=True)
class QuantizeAbout:
    """What is known before anything is measured: the monitored metric, layers that can be quantized, and what is left."""

    metric: str = LOSS
    mode: str = "min"
    parameters: int = 0
    layers: tuple[TouchedLayer, ...] = ()
    untouched: tuple[LeftKind, ...] = ()

    @property
    def dynamic(self) -> bool:
        """Whether dynamic quantization touches anything."""
        return any(each.dynamic for each in self.layers)

    @property
    def undynamic(self) -> list[tuple[str, int]]:
        """Kinds that dynamic quantization does not touch, with their parameters; the largest first."""
        found: dict[str, int] = {}
        for kind, parameters in [*((each.kind, each.parameters) for each in self.layers if not each.dynamic), *((each.kind, each.parameters) for each in self.untouched)]:
            name = plural(kind)
            found[name] = found.get(name, 0) + parameters
        return sorted(found.items(), key=lambda pair: -pair[1])


def plural(kind: str) -> str:
    """convolutions, norm layers; another kind by its name"""
    if "Conv" in kind:
        return "convolutions"
    return "norm layers" if "Norm" in kind else PLURALS.get(kind, kind)


def about_quantized(result: Mapping[str, object]) -> QuantizeAbout:
    metric, mode, parameters = (result.get(name) for name in ("metric", "mode", "parameters"))
    return QuantizeAbout(
        metric if isinstance(metric, str) and (metric in METRICS or is_own(metric)) else LOSS,
        mode if mode in {"min", "max"} else "min",
        parameters if isinstance(parameters, int) else 0,
        tuple(TouchedLayer(clean(row["name"], 300), clean(row["kind"], 60), row["parameters"], row.get("dynamic") is True) for row in _rows(result.get("layers"), "name")),
        tuple(LeftKind(clean(row["kind"], 60), clean(str(row.get("reason") or ""), 200), row["parameters"]) for row in _rows(result.get("untouched"), "kind")),
    )


def _rows(value: object, name: str) -> list[dict[str, Any]]:
    rows = value if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict) and all(isinstance(row.get(key), str) for key in (name, "kind")) and isinstance(row.get("parameters"), int)]


def untouched_sentence(about: QuantizeAbout) -> str:
    """Told before anything is measured, where dynamic quantization has nothing to do; else ""."""
    if about.dynamic or not about.parameters:
        return ""
    kinds = [f"{percent(parameters / about.parameters)} in {name}" for name, parameters in about.undynamic[:3]]
    where = f": of its parameters {', '.join(kinds)}" if kinds else ""
    return f"dynamic quantization does not touch this model: it has no linear layer or LSTM of its own to quantize{where}"


def fastest_dynamic(trials: Sequence[QuantizeTrial]) -> QuantizeTrial | None:
    """The dynamic method with the largest speedup at any batch size; what is smaller is about the same."""
    measured = [each for each in trials if each.method in DYNAMIC and not each.error]
    return max(measured, key=lambda each: max((known for time in each.latencies if not math.isnan(known := time.speedup)), default=0.0), default=None)


def claim_checked(trials: Sequence[QuantizeTrial], about: QuantizeAbout) -> str:
    """Whether the claim holds for this model, and why not; "" as long as it is not measured."""
    whole, found = float_of(trials), fastest_dynamic(trials)
    if sentence := untouched_sentence(about):
        return f"{SIZE_CLAIM} and {SPEED_CLAIM} do not hold: {sentence}"
    if whole is None or found is None:
        return ""
    smaller = smaller_by(found, whole)
    timed = [each for each in found.latencies if each.speedup > 0]
    fast = [each.batch for each in timed if each.speedup >= FASTER]
    size_holds = smaller >= SMALLER
    if not timed:
        speed = "is not known, as no latency could be told"
    elif len(fast) == len(timed):
        speed = "holds"
    elif fast:
        speed = f"holds at batch size{'s' if len(fast) > 1 else ''} {', '.join(map(number, fast))} alone"
    else:
        speed = "does not hold"
    times = ", ".join(f"{times_text(each.speedup)} {'at' if place else 'as fast at batch size'} {number(each.batch)}" for place, each in enumerate(timed))
    left = [f"{percent(parameters / about.parameters)} of its parameters are in {name}" for name, parameters in about.undynamic if about.parameters and parameters >= MOSTLY * about.parameters][:2]
    why = f"; {' and '.join(left)}, which dynamic quantization does not touch" if left else ""
    return f"{SIZE_CLAIM} {'holds' if size_holds else 'does not hold'}, {SPEED_CLAIM} {speed}: by {found.method} the file of the weights is {size_text(smaller)}{f' and a prediction {times}' if times else ''}{why}"


def size_text(smaller: float) -> str:
    """74 % smaller, 3 % larger"""
    return f"{percent(abs(smaller))} {'larger' if smaller < 0 else 'smaller'}"


def times_text(speedup: float) -> str:
    """1.62 ×, – where it is not known"""
    return f"{speedup:.2f} ×" if speedup > 0 else "–"
