"""Curves of several runs over one axis, and those of several seeds as one: pure functions of series."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence

from gradtop.trainer.analysis.significance import moments
from gradtop.trainer.record import Meta, Series

SEED = "training.seed"
PLACES = 240  # at most, of a mean over seeds


def seed_families(metas: Mapping[str, Meta], apart: Collection[str] = ()) -> list[list[str]]:
    """The runs, by id, that differ in nothing but `training.seed` by what is known of how they were started, each family in the order given; a run without such relatives is one by itself.

    A run belongs to its parent's family where the seed is all that it changed, and to that of its siblings also where their parent is not
    among the runs, is a fork, or stands `apart`, as one that was changed live does: it was not trained as they were. One that
    changed nothing repeats its parent's seed, which is no further sample: it is one by itself. Runs that were started from the beginning with the same
    changes of the same parent or configuration file are of one family where a seed is among these; that file may have been edited between them.
    """
    roots = {run: (run, True) if run in apart else _root(run, metas, apart) for run in metas}
    starts = {name: _start(metas[name]) for name, of_it in roots.values() if of_it and name not in apart and name in metas and not metas[name].parent_checkpoint}
    seeded = {start for name, start in starts.items() if any(change.key == SEED for change in metas[name].changes)}
    found: dict[object, list[str]] = {}
    for run, root in roots.items():
        start = starts.get(root[0]) if root[1] else None
        found.setdefault(start if start in seeded else root, []).append(run)
    return list(found.values())


def _start(meta: Meta) -> tuple[object, ...]:
    """What a run was started from, and with which changes beside that of the seed."""
    file = "" if meta.parent else next((f"{meta.cwd}/{word}" for word in meta.command if word.endswith(".toml")), meta.cwd)
    return meta.job, meta.search, meta.parent, file, tuple(sorted((change.key, repr(change.new)) for change in meta.changes if change.key != SEED))


def split_by_settings(family: Sequence[str], settings: Mapping[str, Mapping[str, object]]) -> list[list[str]]:
    """The runs of a family by configurations that are the same but for the seed: their parent may have been changed live between them, or their file edited.

    A run that repeats the seed of another one is by itself.
    """
    found: list[list[str]] = []
    for run in family:
        mine = settings[run]
        alike = (group for group in found if same_but_seed(mine, settings[group[0]]) and all(mine.get(SEED) != settings[other].get(SEED) for other in group))
        if (group := next(alike, None)) is not None:
            group.append(run)
        else:
            found.append([run])
    return found


def same_but_seed(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """By what both have, as another version may have other settings."""
    return all(one[key] == value for key, value in other.items() if key in one and key != SEED)


def _root(run: str, metas: Mapping[str, Meta], apart: Collection[str]) -> tuple[str, bool]:
    """The eldest of a run's family, and whether it is one of it."""
    seen = {run}
    while (meta := metas.get(run)) is not None and meta.parent and [change.key for change in meta.changes] == [SEED] and meta.parent not in seen:
        parent = metas.get(meta.parent)
        if meta.parent in apart or (parent is not None and parent.parent_checkpoint):
            return meta.parent, False
        run = meta.parent
        seen.add(run)
    return run, True


def aligned(series: Series, value: Callable[[float], float]) -> Series:
    """The series over another quantity: `value` gives it for a step, and must rise with the step."""
    if not len(series.x):
        return series
    x, x_last = (array("d", map(value, steps)) for steps in (series.x, series.x_last))
    return series._replace(x=x, x_last=x_last, first=x[0], last=x_last[-1])


def mean_and_deviation(curves: Sequence[Series], places: int = PLACES) -> Series:
    """The mean of the curves, and from `low` to `high` one sample standard deviation (n - 1) to each side.

    At the places of all curves, thinned to so many; between its own ones a curve is interpolated linearly, beyond them and across a bin
    without a finite value it counts for nothing. `finite` is how many curves count; where fewer than two do there is no point.
    """
    every = sorted({x for curve in curves for x in curve.x})
    count = len(every)
    grid = every if count <= places else sorted({every[round(number * (count - 1) / (places - 1))] for number in range(places)})
    rows = []
    for x in grid:
        values = [value for curve in curves if (value := at(curve, x)) is not None]
        if len(values) > 1:
            mean, deviation = moments(values)
            rows.append((x, mean - deviation, mean, mean + deviation, len(values)))
    xs = array("d", [row[0] for row in rows])
    low, mean_values, high = (array("d", [row[place] for row in rows]) for place in (1, 2, 3))
    counts = [row[4] for row in rows]
    return Series(xs, xs, low, high, mean_values, counts, [0] * len(rows), *((xs[0], xs[-1]) if rows else (0.0, 0.0)))


def at(curve: Series, x: float) -> float | None:
    """The mean of a curve at a place, interpolated between two finite neighbours; None where it has none there."""
    place = bisect_left(curve.x, x)
    if place < len(curve.x) and curve.x[place] == x:
        value = curve.mean[place]
        return value if math.isfinite(value) else None
    if not 0 < place < len(curve.x):
        return None
    low, high = curve.mean[place - 1], curve.mean[place]
    if not math.isfinite(low + high):
        return None
    share = (x - curve.x[place - 1]) / (curve.x[place] - curve.x[place - 1])
    return low * (1 - share) + high * share
