"""Two runs side by side: what their configurations do not have in common, and what became of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gradtop.trainer.analysis.formatting import duration, number, setting_text, share, significant
from gradtop.trainer.analysis.look_up import evals_of
from gradtop.trainer.analysis.newest import newest_status
from gradtop.trainer.analysis.overlay import seed_families, split_by_settings
from gradtop.trainer.analysis.run_fields import data_of
from gradtop.trainer.analysis.significance import ASSUMPTIONS, LEVEL, NAME, Welch, welch
from gradtop.trainer.analysis.text import metric_figure
from gradtop.trainer.metrics import ACCURACY, LOSS, is_declared, metric_of
from gradtop.trainer.record import Run, RunReader, RunState, Status, clean, effective, list_runs, read_meta, read_status
from gradtop.trainer.record.run_reader import read_config
from gradtop.trainer.record.streams.registry import VAL_LOSS

LONGEST = 120
# Keys of the status that tell results, for programs.
RESULTS = ("state", "epoch", "step", "seconds", "parameters", "loss", "val_loss", "val_accuracy", "monitor", "best", "best_val_loss", "best_val_accuracy")
TOLD = frozenset({LOSS, VAL_LOSS, ACCURACY})  # metrics of evaluations that the status has too


@dataclass(frozen=True, slots=True)
class Pair:
    """One line: what it is, the value of each, and the second less the first; `better` is 0 or 1 for the one that is better, else -1."""

    name: str
    one: str
    other: str
    better: int = -1
    difference: str = ""


@dataclass(frozen=True, slots=True)
class SeedTest:
    """A result over the seeds of both configurations, and the test of whether their means differ."""

    words: str
    key: str
    test: Welch

    @property
    def sentence(self) -> str:
        one, other = (f"{significant(each.mean)} ± {significant(each.deviation)} ({each.n} seeds)" for each in self.test.samples)
        difference = f"{'+' if self.test.difference > 0 else ''}{significant(self.test.difference)}"
        # A large difference of few seeds may well be real: the test could not tell.
        verdict = "exceeds the noise of the seeds" if self.test.exceeds_noise else "not significant"
        return f"mean {self.words} {one} and {other}: {difference}, {verdict} (p = {significant(self.test.p)}, t = {significant(self.test.t)}, df = {significant(self.test.degrees)})"

    def record(self) -> dict[str, object]:
        """As JSON has it."""
        test, sides = self.test, [{"n": each.n, "mean": each.mean, "deviation": each.deviation} for each in self.test.samples]
        found = {"metric": self.key, "test": NAME, "assumptions": ASSUMPTIONS, "a": sides[0], "b": sides[1], "difference": test.difference}
        return {**found, "t": test.t, "df": test.degrees, "p": test.p, "exceeds_noise": test.exceeds_noise}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`settings` are those that differ, of `same` more both have the same.

    `problems` say which files cannot be read. `differing` has their keys with the values themselves, None where one has no such key; `measured` the results of each, by key.
    `tests` are over the seeds of each. `apart` says why the results do not compare: "" where they do.
    """

    names: tuple[str, str] = ("", "")
    settings: tuple[Pair, ...] = ()
    results: tuple[Pair, ...] = ()
    same: int = 0
    differing: tuple[tuple[str, Any, Any], ...] = ()
    measured: tuple[Mapping[str, object], ...] = ()
    problems: tuple[str, ...] = ()
    tests: tuple[SeedTest, ...] = ()
    apart: str = ""

    @property
    def same_text(self) -> str:
        if self.problems:
            return "; ".join(self.problems)
        return f"{self.same} settings are the same" if self.settings else f"all {self.same} settings are the same"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be known of the results."""
        about = (f"{NAME}, significant where p < {LEVEL:g}: {ASSUMPTIONS}",) if self.tests else ()
        return (*((self.apart,) if self.apart else ()), *(each.sentence for each in self.tests), *about)


@dataclass(slots=True)
class Branch:
    """A section of a configuration, with what differs in it."""

    pairs: list[Pair] = field(default_factory=list)
    inner: dict[str, Branch] = field(default_factory=dict)


def nested(pairs: Iterable[Pair]) -> list[tuple[int, Pair]]:
    """Each section once, its keys beneath it, with how deep they stand; a section is a pair without values."""
    root = Branch()
    for pair in pairs:
        *path, name = pair.name.split(".")
        at = root
        for part in path:
            at = at.inner.setdefault(part, Branch())
        at.pairs.append(Pair(name, pair.one, pair.other))
    return _lines(root, 0)


def _lines(branch: Branch, depth: int) -> list[tuple[int, Pair]]:
    found = [(depth, pair) for pair in branch.pairs]
    for name, inner in branch.inner.items():
        found += [(depth, Pair(name, "", "")), *_lines(inner, depth + 1)]
    return found


def compare(one: Run, other: Run, *, clock: Callable[[], float] = time.time) -> Comparison:
    """Read both and put them side by side, with the configurations as they are now: what was changed live included."""
    readers = [RunReader(run, clock=clock) for run in (one, other)]
    for reader in readers:
        reader.refresh()
    tables = [effective(reader.config, reader.status.changes) for reader in readers]
    a, b = map(flat, tables)
    keys = list(dict.fromkeys([*a, *b]))
    differing = tuple((key, a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key))
    metrics = [{name: value for name, value in evals_of(run).items() if name not in TOLD} for run in (one, other)]
    data = [data_of(each.get("data")) for each in tables]
    apart = f"the results do not compare: the data are {data[0]} and {data[1]}" if None not in data and data[0] != data[1] else ""
    return Comparison(
        names=(clean(readers[0].meta.name or one.id, 40), clean(readers[1].meta.name or other.id, 40)),
        settings=tuple(Pair(clean(key, LONGEST), value_text(mine), value_text(its)) for key, mine, its in differing),
        results=results(readers, metrics, ranked=not apart),
        same=len(keys) - len(differing),
        differing=differing,
        measured=tuple({**measured(reader), "metrics": found} for reader, found in zip(readers, metrics, strict=True)),
        tests=() if apart else seed_tests(readers[0], readers[1]),
        problems=tuple(clean(f"{reader.run.id}: {why}", 300) for reader in readers for why in reader.problems.values()),
        apart=apart,
    )


def measured(reader: RunReader) -> dict[str, object]:
    """The results, for programs."""
    status = newest_status(reader)
    return {name: reader.state if name == "state" else getattr(status, name) for name in RESULTS}


def seed_tests(one: RunReader, other: RunReader) -> tuple[SeedTest, ...]:
    """Of each result a test over the seeds of both configurations, their runs that are done; none where one of them has a single seed."""
    if one.run.path.parent != other.run.path.parent:
        return ()
    runs = {run.id: run for run in list_runs(one.run.path.parent)}
    metas = {name: read_meta(run) for name, run in runs.items()}
    families = [seed_family(reader.run, runs, metas) for reader in (one, other)]
    if min(map(len, families)) < 2 or one.run.id in families[1]:
        return ()
    ended = [[(runs[name], status) for name in family if (status := read_status(runs[name])).state is RunState.DONE] for family in families]
    samples = [[{**_best(status), **_metrics(run)} for run, status in family] for family in ended]
    names = {"best_val_loss": "best val loss", "best_val_accuracy": "best accuracy"}
    names |= {key: clean(key.replace("best_", "best ") if key.startswith("best_") else f"last {metric_of(key).title}", 60) for family in samples for each in family for key in each if key not in names}
    found = []
    for key, words in names.items():
        values = [[float(value) for each in family if (value := each.get(key)) is not None] for family in samples]
        if (test := welch(values[0], values[1])) is not None:
            found.append(SeedTest(words, key, test))
    return tuple(found)


def _best(status: Status) -> dict[str, float | None]:
    """The best values; of a metric that is neither loss nor accuracy by its name, so that only the same ones meet."""
    found = {"best_val_loss": status.best_val_loss, "best_val_accuracy": status.best_val_accuracy}
    return found if status.monitor in {LOSS, ACCURACY} else {**found, f"best_{status.monitor}": status.best}


def _metrics(run: Run) -> dict[str, float]:
    return {name: value for name, value in evals_of(run).items() if name not in TOLD}


def seed_family(run: Run, runs: Mapping[str, Run], metas: Mapping[str, Any]) -> list[str]:
    """The runs that were trained as this one but for the seed: none that was changed live, or that has other settings."""
    family = next((each for each in seed_families(metas) if run.id in each), [])
    changed = {name for name in {*family, *(metas[each].parent for each in family)} if name in runs and read_status(runs[name]).changes}
    if changed:
        family = next(each for each in seed_families(metas, changed) if run.id in each)
    settings = {name: flat(read_config(runs[name])) for name in family} if len(family) > 1 else {}
    return next((each for each in split_by_settings(family, settings) if run.id in each), []) if settings else family


def flat(tables: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A configuration by dotted key, tables in tables included."""
    found: dict[str, Any] = {}
    for name, value in tables.items():
        if isinstance(value, Mapping) and (value or not above):
            found |= flat(value, f"{above}{name}.")
        elif above:
            found[f"{above}{name}"] = value
    return found


def value_text(value: object) -> str:
    return "–" if value is None else clean(setting_text(value), LONGEST)


def results(readers: Sequence[RunReader], metrics: Sequence[Mapping[str, float]] = ({}, {}), *, ranked: bool = True) -> tuple[Pair, ...]:
    """The texts of what is told for people, the most telling first; without `ranked` none is called better."""
    statuses = [newest_status(reader) for reader in readers]

    def pair(name: str, text: Callable[[Status], str], value: Callable[[Status], float] | None = None, told: Callable[[float], str] = significant) -> Pair:
        one, other = map(text, statuses)
        values = [value(status) if value is not None else None for status in statuses]
        return Pair(name, one, other, difference=difference_text(values[0], values[1], told) if "–" not in (one, other) else "")

    def compared(name: str, values: Sequence[float | None], text: Callable[[float], str], *, lower: bool | None) -> Pair:
        mine, its = ("–" if value is None else text(value) for value in values)
        best = better(values, lower=lower) if ranked and lower is not None and mine != its else -1
        return Pair(name, mine, its, best, difference_text(values[0], values[1], text) if mine != its else "")

    def of_status(name: str, key: str, text: Callable[[float], str], *, lower: bool) -> Pair:
        return compared(name, [getattr(status, key) for status in statuses], text, lower=lower)

    def best_pair() -> tuple[Pair, ...]:
        """The best values of a metric that is neither loss nor accuracy, which stand there anyway; none where the runs go by different ones."""
        one, other = statuses
        if one.monitored != other.monitored or one.monitor in {LOSS, ACCURACY}:
            return ()
        return (compared(f"best {one.monitored.title}", [one.best, other.best], partial(metric_figure, one.monitor), lower=one.monitor_mode != "max"),)

    return (
        Pair("state", readers[0].state, readers[1].state),
        *best_pair(),
        of_status("best val loss", "best_val_loss", significant, lower=True),
        of_status("last val loss", "val_loss", significant, lower=True),
        of_status("best accuracy", "best_val_accuracy", share, lower=False),
        *(compared(f"last {clean(metric_of(name).title, 60)}", [each.get(name) for each in metrics], partial(metric_figure, name), lower=metric_of(name).mode == "min" if is_declared(name) else None) for name in dict.fromkeys([*metrics[0], *metrics[1]])),
        pair("epoch", lambda status: f"{status.epoch}/{status.epochs}{', stopped early' if status.stopped_early else ''}" if status.epochs else "–"),
        pair("step", lambda status: f"{number(status.step)}/{number(status.steps)}" if status.steps else "–"),
        pair("trained", lambda status: duration(status.seconds) if status.seconds else "–", lambda status: status.seconds, duration),
        pair("samples/s", lambda status: number(round(status.samples_per_s)) if status.samples_per_s else "–", lambda status: status.samples_per_s, lambda value: number(round(value))),
        pair("parameters", lambda status: number(status.parameters) if status.parameters else "–", lambda status: status.parameters, number),
    )


def difference_text(one: float | None, other: float | None, text: Callable[[float], str]) -> str:
    """The second less the first, with its share of the first: +0.012 (+4.1 %); "" where there is none."""
    if one is None or other is None or not math.isfinite(other - one) or one == other:
        return ""
    sign = "+" if other > one else "-"
    share_of = abs(other - one) / abs(one) if one else math.inf
    told = f" ({sign}{significant(100 * share_of, 2)} %)" if share_of < 100 else ""
    return f"{sign}{text(abs(other - one))}{told}"


def better(values: Sequence[float | None], *, lower: bool) -> int:
    """Which of two finite values is the better one; -1 where that cannot be said."""
    one, other = values
    if one is None or other is None or not math.isfinite(one) or not math.isfinite(other) or one == other:
        return -1
    return int((other < one) == lower)
