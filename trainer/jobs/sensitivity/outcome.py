"""What a sensitivity analysis has found so far, as it stands in `result` of its status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gradtop.trainer.record import bounds
from gradtop.trainer.trials.space import Value

MOST = 1000  # fields, values of a field, cells of a row


@dataclass(frozen=True, slots=True)
class PointMean:
    """One value of a field: mean of the metric over `seeds` trainings, `change` from the base with the same seeds; `failed` further ones."""

    value: Value = ""
    mean: float = math.nan
    change: float = math.nan
    seeds: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class FieldEffect:
    """`deviation` is the largest minus the smallest mean over the range, from `low` to `high` with a confidence of `level`.

    `normalised` is that divided by `width`, how wide the range is: in decades where `scale` is "log", in units of the field where it is "linear", 1 of a
    "choice". `change` is the largest mean difference from the base, with the value `change_at`. What is not known is nan.
    """

    key: str = ""
    base: Value = ""
    written: str = ""
    scale: str = ""
    width: float = math.nan
    deviation: float = math.nan
    low: float = math.nan
    high: float = math.nan
    normalised: float = math.nan
    normalised_low: float = math.nan
    normalised_high: float = math.nan
    change: float = math.nan
    change_low: float = math.nan
    change_high: float = math.nan
    change_at: Value = ""
    best: Value = ""
    failed: int = 0
    points: tuple[PointMean, ...] = ()

    @property
    def in_the_noise(self) -> bool:
        """Whether the interval of the largest change has 0 in it."""
        return self.change_low <= 0 <= self.change_high


@dataclass(frozen=True, slots=True)
class PairGrid:
    """Means of the metric by the values of two fields, and how many trainings failed; nan where there is no mean."""

    first: str = ""
    second: str = ""
    rows: tuple[Value, ...] = ()
    columns: tuple[Value, ...] = ()
    means: tuple[tuple[float, ...], ...] = ()
    failed: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SensitivityOutcome:
    """`base` is the mean of the metric over the seeds, `base_std` its standard deviation. `fields` are ranked.

    `importances` are those of a search (its id and name), shares by key, by evaluator.
    """

    metric: str = ""
    mode: str = "min"
    seeds: tuple[int, ...] = ()
    trainings: int = 0
    failed: int = 0
    base: float = math.nan
    base_std: float = math.nan
    level: float = 0.0
    resamples: int = 0
    normalised: bool = False
    fields: tuple[FieldEffect, ...] = ()
    pairs: tuple[PairGrid, ...] = ()
    search: str = ""
    search_name: str = ""
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As a JSON object, in which null stands for what is not known."""
        recorded: dict[str, Any] = _plain(self)
        return recorded


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return {each.name: _plain(getattr(value, each.name)) for each in fields(value)} if hasattr(value, "__dataclass_fields__") else value


def _value(found: object) -> Value | None:
    return bounds.text(found, bounds.NAME) if isinstance(found, str) else found if isinstance(found, bool | int | float) and math.isfinite(found) else None


def _number(found: object) -> float | None:
    return bounds.measured(found) if isinstance(found, int | float) else None


def _rows(found: object) -> list[Any]:
    return found[:MOST] if isinstance(found, list) else []


def _values(found: object) -> tuple[Value, ...]:
    return tuple("" if (value := _value(each)) is None else value for each in _rows(found))


def _means(found: object) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(math.nan if (value := _number(each)) is None else value for each in _rows(row)) for row in _rows(found))


def _counts(found: object) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(bounds.count(each) or 0 for each in _rows(row)) for row in _rows(found))


def _importances(found: object) -> dict[str, dict[str, float]]:
    return {
        bounds.name(key) or "": {bounds.name(name) or "": share for name, each in shares.items() if (share := bounds.positive(each)) is not None}
        for key, shares in (list(found.items())[:MOST] if isinstance(found, Mapping) else ())
        if isinstance(shares, Mapping) and len(shares) <= MOST
    }


POINT: bounds.Maker[PointMean] = bounds.Maker(PointMean, bounds.reads_of(PointMean, value=_value, mean=_number, change=_number))
FIELD: bounds.Maker[FieldEffect] = bounds.Maker(
    FieldEffect,
    {
        each.name: {"key": bounds.name, "written": bounds.name, "scale": bounds.name, "failed": bounds.count, "base": _value, "best": _value, "change_at": _value}.get(each.name, _number)
        for each in fields(FieldEffect)
    }
    | {"points": lambda found: tuple(POINT(each) for each in _rows(found) if isinstance(each, dict))},
)
PAIR: bounds.Maker[PairGrid] = bounds.Maker(PairGrid, {"first": bounds.name, "second": bounds.name, "rows": _values, "columns": _values, "means": _means, "failed": _counts})
MAKE: bounds.Maker[SensitivityOutcome] = bounds.Maker(
    SensitivityOutcome,
    bounds.reads_of(
        SensitivityOutcome,
        seeds=lambda found: tuple(each for each in _rows(found) if isinstance(each, int)),
        base=_number, base_std=_number, level=_number, metric=bounds.name, mode=bounds.name, search=bounds.file_name, search_name=bounds.name,
        fields=lambda found: tuple(FIELD(each) for each in _rows(found) if isinstance(each, dict)),
        pairs=lambda found: tuple(each for row in _rows(found) if isinstance(row, dict) and _is_whole(each := PAIR(row))),
        importances=_importances,
    ),
)  # fmt: skip


def _is_whole(grid: PairGrid) -> bool:
    shapes = [[len(row) for row in table] for table in (grid.means, grid.failed)]
    return all(shape == [len(grid.columns)] * len(grid.rows) for shape in shapes) and bool(grid.rows and grid.columns)


def sensitivity_of(result: Mapping[str, object]) -> SensitivityOutcome:
    """That of a status; defaults for missing or invalid fields."""
    return MAKE(result)
