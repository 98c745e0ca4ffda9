"""How much the metric depends on each field: deviations over its range, with percentile bootstrap intervals over the seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev

from gradtop.trainer.jobs.sensitivity.outcome import FieldEffect, PairGrid, PointMean, SensitivityOutcome
from gradtop.trainer.jobs.sensitivity.plan import Point, SensitivityPlan, VariedField, point_of
from gradtop.trainer.metrics import Monitored

LEVEL = 0.95
RESAMPLES = 2000
SeedValues = Mapping[int, float]  # of one point, by the seed that it was trained with
Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)


def draws(seeds: Sequence[int], resamples: int = RESAMPLES) -> list[tuple[int, ...]]:
    """The bootstrap samples of the seeds, the same whenever they are drawn; sorted, as their order makes no difference."""
    generator = random.Random(0)  # noqa: S311 - not for secrets
    return [tuple(sorted(generator.choices(seeds, k=len(seeds)))) for _ in range(resamples)]


def percentile_interval(sampled: Sequence[tuple[int, ...]], statistic: Callable[[Sequence[int]], float]) -> Interval:
    """Of a statistic over the samples; unknown where there is none, as of a single seed."""
    kept: dict[tuple[int, ...], float] = {}
    for sample in sampled:
        if sample not in kept:
            kept[sample] = statistic(sample)
    values = sorted(value for sample in sampled if math.isfinite(value := kept[sample]))
    if not values:
        return UNKNOWN
    return _quantile(values, (1 - LEVEL) / 2), _quantile(values, (1 + LEVEL) / 2)


def _quantile(values: Sequence[float], share: float) -> float:
    """Linear between the neighbours."""
    place = share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def difference(values: SeedValues, base: SeedValues, seeds: Sequence[int]) -> float:
    """Mean difference from the base over the seeds that both were trained with; nan without one."""
    found = [values[seed] - base[seed] for seed in seeds if seed in values and seed in base]
    return fmean(found) if found else math.nan


def spread(points: Sequence[SeedValues], base: SeedValues, seeds: Sequence[int]) -> float:
    """Largest minus smallest mean over the points, by their differences from the base; nan where fewer than two are known."""
    found = [each for values in points if math.isfinite(each := difference(values, base, seeds))]
    return max(found) - min(found) if len(found) > 1 else math.nan


def outcome_from(plan: SensitivityPlan, metric: Monitored, measured: Mapping[Point, SeedValues], failed: Mapping[Point, int], *, normalised: bool) -> SensitivityOutcome:
    """What is known so far; the fields with the largest deviation first."""
    base = measured.get((), {})
    seeds = sorted(base)
    sampled = draws(seeds) if len(seeds) > 1 else []
    effects = [_effect(field, metric, measured, failed, sampled) for field in plan.fields]

    def rank(effect: FieldEffect) -> tuple[bool, float]:
        size = effect.normalised if normalised else effect.deviation
        return not math.isfinite(size), -size if math.isfinite(size) else 0.0

    return SensitivityOutcome(
        metric=metric.name,
        mode=metric.mode,
        seeds=plan.seeds,
        trainings=len(plan.points) * len(plan.seeds),
        failed=sum(failed.values()),
        base=fmean(base.values()) if base else math.nan,
        base_std=stdev(base.values()) if len(base) > 1 else math.nan,
        level=LEVEL,
        resamples=RESAMPLES,
        normalised=normalised,
        fields=tuple(sorted(effects, key=rank)),
        pairs=tuple(_grid(first, second, measured, failed) for first, second in plan.pairs),
    )


def _effect(field: VariedField, metric: Monitored, measured: Mapping[Point, SeedValues], failed: Mapping[Point, int], sampled: Sequence[tuple[int, ...]]) -> FieldEffect:
    points = [point_of([(field, place)]) for place in range(len(field.values))]
    values, base = [measured.get(point, {}) for point in points], measured.get((), {})
    seeds = sorted(base)
    changes = [difference(each, base, seeds) for each in values]
    means = [
        PointMean(value, fmean(each.values()) if each else math.nan, math.nan if place == field.base else changes[place], len(each), failed.get(point, 0))
        for place, (value, point, each) in enumerate(zip(field.values, points, values, strict=True))
    ]
    known = [place for place, change in enumerate(changes) if math.isfinite(change) and place != field.base]
    largest = max(known, key=lambda place: abs(changes[place]), default=None)
    # Of a value that one seed alone was trained with so far, nothing is known of the noise: an interval would have no width.
    alone = {place for place in known if len(values[place].keys() & base.keys()) < 2}
    interval = percentile_interval(sampled, lambda sample: spread(values, base, sample)) if not alone else UNKNOWN
    change_interval = percentile_interval(sampled, lambda sample: difference(values[largest], base, sample)) if largest is not None and largest not in alone else UNKNOWN
    # A value with which a seed diverged is no best value, whatever the others gave.
    whole = [place for place, change in enumerate(changes) if math.isfinite(change) and not means[place].failed]
    best = min(whole, key=lambda place: metric.rank(changes[place]), default=None)
    deviation, width = spread(values, base, seeds), field.unit_widths
    return FieldEffect(
        key=field.key,
        base=field.values[field.base],
        written=field.written,
        scale=field.scale,
        width=width,
        deviation=deviation,
        low=interval[0],
        high=interval[1],
        normalised=deviation / width,
        normalised_low=interval[0] / width,
        normalised_high=interval[1] / width,
        change=changes[largest] if largest is not None else math.nan,
        change_low=change_interval[0],
        change_high=change_interval[1],
        change_at=field.values[largest] if largest is not None else "",
        best=field.values[best] if best is not None else "",
        failed=sum(each.failed for place, each in enumerate(means) if place != field.base),
        points=tuple(means),
    )


def _grid(first: VariedField, second: VariedField, measured: Mapping[Point, SeedValues], failed: Mapping[Point, int]) -> PairGrid:
    cells = [[point_of([(first, row), (second, column)]) for column in range(len(second.values))] for row in range(len(first.values))]
    return PairGrid(
        first.key,
        second.key,
        first.values,
        second.values,
        tuple(tuple(fmean(values.values()) if (values := measured.get(point)) else math.nan for point in row) for row in cells),
        tuple(tuple(failed.get(point, 0) for point in row) for row in cells),
    )
