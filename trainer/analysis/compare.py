"""Two runs side by side: what their configurations do not have in common, and what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradtop.trainer.analysis.formatting import duration, number, setting, share, significant
from gradtop.trainer.analysis.overlay import seed_families
from gradtop.trainer.analysis.significance import ASSUMPTIONS, welch
from gradtop.trainer.analysis.text import metric_figure
from gradtop.trainer.metrics import ACCURACY, LOSS
from gradtop.trainer.record import Run, RunReader, RunState, Status, clean, effective, list_runs, read_meta, read_status

LONGEST = 120
# Keys of the status that tell results, for programs.
RESULTS = ("state", "epoch", "step", "seconds", "parameters", "loss", "val_loss", "val_accuracy", "monitor", "best", "best_val_loss", "best_val_accuracy")


@dataclass(frozen=True, slots=True)
class Pair:
    """One line: what it is, and the value of each; `better` is 0 or 1 for the one that is better, else -1."""

    name: str
    one: str
    other: str
    better: int = -1


@dataclass(frozen=True, slots=True)
class Comparison:
    """`settings` are those that differ, of `same` more both have the same.

    `problems` say which files cannot be read. `differing` has their keys with the values themselves, None where one has no such key; `measured` the results of each, by key.
    """

    names: tuple[str, str] = ("", "")
    settings: tuple[Pair, ...] = ()
    results: tuple[Pair, ...] = ()
    same: int = 0
    differing: tuple[tuple[str, Any, Any], ...] = ()
    measured: tuple[Mapping[str, object], ...] = ()
    problems: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()  # over the seeds of each, whether the difference of a result exceeds their noise

    @property
    def same_text(self) -> str:
        if self.problems:
            return "; ".join(self.problems)
        return f"{self.same} settings are the same" if self.settings else f"all {self.same} settings are the same"


def compare(one: Run, other: Run, *, clock: Callable[[], float] = time.time) -> Comparison:
    """Read both and put them side by side, with the configurations as they are now: what was changed live included."""
    readers = [RunReader(run, clock=clock) for run in (one, other)]
    for reader in readers:
        reader.refresh()
    a, b = (flat(effective(reader.config, reader.status.changes)) for reader in readers)
    keys = list(dict.fromkeys([*a, *b]))
    differing = tuple((key, a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key))
    return Comparison(
        names=(clean(readers[0].meta.name or one.id, 40), clean(readers[1].meta.name or other.id, 40)),
        settings=tuple(Pair(clean(key, LONGEST), value_text(mine), value_text(its)) for key, mine, its in differing),
        results=results(readers[0], readers[1]),
        same=len(keys) - len(differing),
        differing=differing,
        measured=tuple({name: reader.state if name == "state" else getattr(reader.status, name) for name in RESULTS} for reader in readers),
        noise=seeds_noise(readers[0], readers[1]),
        problems=tuple(clean(f"{reader.run.id}: {why}", 300) for reader in readers for why in reader.problems.values()),
    )


def seeds_noise(one: RunReader, other: RunReader) -> tuple[str, ...]:
    """Of each result a sentence on Welch's t-test over the seeds of both configurations; none where one of them has a single seed."""
    if one.run.path.parent != other.run.path.parent:
        return ()
    runs = {run.id: run for run in list_runs(one.run.path.parent)}
    families = seed_families({name: read_meta(run) for name, run in runs.items()}, {each.run.id for each in (one, other) if each.status.changes})
    found = [next((family for family in families if reader.run.id in family), []) for reader in (one, other)]
    if min(map(len, found)) < 2 or found[0] == found[1]:
        return ()
    ended = [[status for name in family if not (status := read_status(runs[name])).changes and status.state is RunState.DONE] for family in found]
    sentences = []
    for words, key in (("best val loss", "best_val_loss"), ("best accuracy", "best_val_accuracy")):
        samples = [[value for status in family if (value := getattr(status, key)) is not None] for family in ended]
        if (test := welch(samples[0], samples[1])) is not None:
            verdict = "exceeds" if test.exceeds_noise else "does not exceed"
            sizes = " and ".join(str(len(each)) for each in samples)
            sentences.append(
                f"mean {words} over {sizes} seeds differs by {significant(test.difference)}, which {verdict} their noise "
                f"(Welch's t-test, p = {significant(test.p)}; {ASSUMPTIONS})"
            )
    return tuple(sentences)


def flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration by dotted key."""
    return {f"{section}.{name}": value for section, table in tables.items() if isinstance(table, Mapping) for name, value in table.items()}


def value_text(value: object) -> str:
    return "–" if value is None else clean(setting(value), LONGEST)


def results(one: RunReader, other: RunReader) -> tuple[Pair, ...]:
    """The texts of what is told for people, the most telling first."""
    statuses = (one.status, other.status)

    def pair(name: str, text: Callable[[Status], str]) -> Pair:
        return Pair(name, text(statuses[0]), text(statuses[1]))

    def measured(name: str, key: str, text: Callable[[float], str], *, lower: bool) -> Pair:
        values = [getattr(status, key) for status in statuses]
        mine, its = ("–" if value is None else text(value) for value in values)
        return Pair(name, mine, its, better(values, lower=lower) if mine != its else -1)

    return (
        Pair("state", one.state, other.state),
        *best_pair(*statuses),
        measured("best val loss", "best_val_loss", significant, lower=True),
        measured("last val loss", "val_loss", significant, lower=True),
        measured("best accuracy", "best_val_accuracy", share, lower=False),
        pair("epoch", lambda status: f"{status.epoch}/{status.epochs}{', stopped early' if status.stopped_early else ''}" if status.epochs else "–"),
        pair("step", lambda status: f"{number(status.step)}/{number(status.steps)}" if status.steps else "–"),
        pair("trained", lambda status: duration(status.seconds) if status.seconds else "–"),
        pair("samples/s", lambda status: number(round(status.samples_per_s)) if status.samples_per_s else "–"),
        pair("parameters", lambda status: number(status.parameters) if status.parameters else "–"),
    )


def best_pair(one: Status, other: Status) -> tuple[Pair, ...]:
    """The best values of a metric that is neither loss nor accuracy, which stand there anyway; none where the runs go by different ones."""
    if one.monitored != other.monitored or one.monitor in {LOSS, ACCURACY}:
        return ()
    mine, its = ("–" if each.best is None else metric_figure(each.monitor, each.best) for each in (one, other))
    return (Pair(f"best {one.monitored.title}", mine, its, better([one.best, other.best], lower=one.monitor_mode != "max") if mine != its else -1),)


def better(values: list[float | None], *, lower: bool) -> int:
    """Which of two finite values is the better one; -1 where that cannot be said."""
    one, other = values
    if one is None or other is None or one - one != 0 or other - other != 0 or one == other:
        return -1
    return int((other < one) == lower)
