"""What was measured of a method of quantization, and how it is recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gradtop.trainer.jobs.quantize.config import METHODS
from gradtop.trainer.record.streams.registry import ACCURACY, COMPRESSED_BYTES, FILE_BYTES, LOSS, METHOD, SCORE
from gradtop.trainer.record.text import clean

FLOAT = ""  # the method of the model as it is
SIZES = (FILE_BYTES, COMPRESSED_BYTES)
FIGURES = (LOSS, ACCURACY, SCORE, *SIZES, "quantized_share")
TIMES = ("eager", "base_eager", "compiled", "base_compiled")
MOST_LAYERS = 5000


@dataclass(frozen=True, slots=True)
class BatchLatency:
    """Median seconds of a forward pass of so many samples; `base` is the float model in turns with it."""

    batch: int
    eager: float = math.nan
    base_eager: float = math.nan
    compiled: float = math.nan
    base_compiled: float = math.nan

    @property
    def speedup(self) -> float:
        return ratio(self.base_eager, self.eager)

    @property
    def compiled_speedup(self) -> float:
        return ratio(self.base_compiled, self.compiled)


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """Signal-to-quantization-noise ratios of a layer in dB."""

    name: str
    weights: float = math.nan
    outputs: float = math.nan


@dataclass(frozen=True, slots=True)
class QuantizeTrial:
    """NaN where a figure is not known; where the method does not run here, `error` is the reason. `notes` are sentences."""

    method: str
    backend: str = ""
    error: str = ""
    loss: float = math.nan
    accuracy: float = math.nan
    score: float = math.nan
    file_bytes: float = math.nan
    compressed_bytes: float = math.nan
    quantized_share: float = math.nan
    latencies: tuple[BatchLatency, ...] = ()
    layers: tuple[LayerNoise, ...] = ()
    notes: tuple[str, ...] = field(default=())


def trial_record(trial: QuantizeTrial) -> dict[str, Any]:
    """As JSON holds it: null for what is not known."""
    found: dict[str, Any] = _without_nan(asdict(trial))
    for name in SIZES:
        found[name] = int(found[name]) if found[name] is not None else None
    return found


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def trial_of(record: object) -> QuantizeTrial | None:
    """What can be read of a record, which may be damaged; None where it names no method."""
    if not isinstance(record, Mapping) or not (record.get("method") == FLOAT or record.get("method") in METHODS):
        return None
    return QuantizeTrial(
        method=record[METHOD],
        backend=_text(record.get("backend"), 120),
        error=_text(record.get("error"), 500),
        **{name: _figure(record.get(name)) for name in FIGURES},
        latencies=tuple(
            BatchLatency(row["batch"], **{name: _figure(row.get(name)) for name in TIMES}) for row in _rows(record.get("latencies")) if isinstance(row.get("batch"), int)
        ),
        layers=tuple(
            LayerNoise(clean(row["name"], 300), _figure(row.get("weights")), _figure(row.get("outputs"))) for row in _rows(record.get("layers")) if isinstance(row.get("name"), str)
        ),
        notes=tuple(clean(each, 500) for each in notes if isinstance(each, str)) if isinstance(notes := record.get("notes"), list) else (),
    )


def trials_in(records: object) -> list[QuantizeTrial]:
    return [trial for record in (records if isinstance(records, list) else ()) if (trial := trial_of(record)) is not None]


def float_of(trials: Iterable[QuantizeTrial]) -> QuantizeTrial | None:
    """The measurement of the model as it is."""
    return next((each for each in trials if each.method == FLOAT and not each.error), None)


def smaller_by(trial: QuantizeTrial, whole: QuantizeTrial) -> float:
    """The share of the file that is saved."""
    return 1 - ratio(trial.file_bytes, whole.file_bytes)


def ratio(over: float, under: float) -> float:
    return over / under if over > 0 and under > 0 else math.nan


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value[:MOST_LAYERS] if isinstance(row, dict)] if isinstance(value, list) else []


def _text(value: object, most: int) -> str:
    return clean(value, most) if isinstance(value, str) else ""


def _figure(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
