"""Which trainings a sensitivity analysis consists of: a list that follows from the configuration alone, so that a resume finds it again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gradtop.trainer.config.config import Config
from gradtop.trainer.fields.text import to_text
from gradtop.trainer.jobs.sensitivity.config import SEED, Settings, pair_keys
from gradtop.trainer.jobs.sensitivity.ranges import ranges_of, stated
from gradtop.trainer.trials.space import Parameter, Value, base_value, parse_parameter

SCALES = LOG, LINEAR, CHOICE = "log", "linear", "choice"
DIGITS = 4  # significant ones of a value between the ends of a range


@dataclass(frozen=True, slots=True)
class VariedField:
    """A key that varies: `values` in order, with that of the base among them at place `base`; `written` is its range, `scale` one of SCALES."""

    key: str
    values: tuple[Value, ...]
    base: int
    written: str
    scale: str

    @property
    def unit_widths(self) -> float:
        """How wide the range is: in decades of a logarithmic one, in units of a linear one; 1 of choices."""
        if self.scale == CHOICE:
            return 1.0
        low, high = float(self.values[0]), float(self.values[-1])
        return math.log10(high / low) if self.scale == LOG and low > 0 else high - low


Point = tuple[tuple[str, Value], ...]  # what differs from the base, by key in alphabetical order; () is the base


@dataclass(frozen=True, slots=True)
class SensitivityPlan:
    """`trainings` are (point, seed) by number: for one seed after the other, first the base, then each field, then the pairs."""

    fields: tuple[VariedField, ...]
    pairs: tuple[tuple[VariedField, VariedField], ...]
    points: tuple[Point, ...]
    seeds: tuple[int, ...]

    @property
    def trainings(self) -> tuple[tuple[Point, int], ...]:
        return tuple((point, seed) for seed in self.seeds for point in self.points)


def plan_of(config: Config, settings: Settings) -> SensitivityPlan:
    """Raises NotASpace and ConfigProblems, which the checks of the section report before."""
    fields = {key: varied(parse_parameter(key, written), stated(written), config, settings.points) for key, written in ranges_of(settings.vary, config).items()}
    pairs = [tuple(fields[key] for key in pair_keys(pair, config)) for pair in settings.pairs]
    points: dict[Point, None] = {(): None}
    for field in fields.values():
        points |= {point_of([(field, place)]): None for place in range(len(field.values))}
    for first, second in pairs:
        points |= {point_of([(first, row), (second, column)]): None for row in range(len(first.values)) for column in range(len(second.values))}
    first_seed = config.training.seed
    return SensitivityPlan(tuple(fields.values()), tuple((first, second) for first, second in pairs), tuple(points), tuple(range(first_seed, first_seed + settings.seeds)))


def point_of(places: Sequence[tuple[VariedField, int]]) -> Point:
    return tuple(sorted((field.key, field.values[place]) for field, place in places if place != field.base))


def params_of(point: Point, seed: int) -> Mapping[str, Value]:
    return {**dict(point), SEED: seed}


def varied(each: Parameter, written: str, config: Config, points: int) -> VariedField:
    base = base_value(config, each.key)
    ranged = each if each.points or each.step or each.kind == "choice" else replace(each, points=points)
    values = list(ranged.grid())
    own: Value = base if isinstance(base, bool | int | float | str) else to_text(base)
    if each.kind == "choice":
        known = next((value for value in values if same(value, own)), None)
        values = [own if value is known else value for value in values] if known is not None else [own, *values]
        return VariedField(each.key, tuple(values), values.index(own), written, CHOICE)
    ends = {values[0], values[-1]}
    shorter = [value if value in ends or isinstance(value, int) else float(f"{value:.{DIGITS}g}") for value in values]
    values = sorted({*(value for value in shorter if not same(value, own)), own}, key=float)
    return VariedField(each.key, tuple(values), values.index(own), written, LOG if each.log else LINEAR)


def same(value: Value, base: Value) -> bool:
    """Whether a value is that of the base, as close as it is written."""
    if isinstance(value, str) or isinstance(base, str) or isinstance(value, bool) or isinstance(base, bool):
        return _bare(value) == _bare(base)
    return math.isclose(value, base, rel_tol=10.0**-DIGITS / 2, abs_tol=1e-15)


def _bare(value: Value) -> str:
    """A list is a choice by its text."""
    return to_text(value).replace(" ", "").strip("[]")


def params_by_number(plan: SensitivityPlan) -> Iterator[tuple[int, Mapping[str, Value]]]:
    """The values of each training by its number."""
    for number, (point, seed) in enumerate(plan.trainings):
        yield number, params_of(point, seed)
