"""What the search mode shows: the trials of a search with their ranks, best so far, front, and what explains their values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.trainer.metrics import metric_of
from gradtop.trainer.record import Run, RunState
from gradtop.trainer.trials.recorded import Trial, TrialState
from gradtop.tui.screens.search.scales import Extent, extent_of

STATES = frozenset(TrialState)
BY_VALUE, BY_NUMBER, BY_TIME = "value", "trial", "took"


@dataclass(frozen=True, slots=True)
class Objective:
    """What a search makes as small, or as large, as it can."""

    name: str
    maximize: bool = False

    @property
    def title(self) -> str:
        """As people read it; it is recorded by its name."""
        return metric_of(self.name).title

    def loss(self, value: float) -> float:
        """The value with its sign such that less is better; what is not finite is the worst."""
        return math.inf if not math.isfinite(value) else -value if self.maximize else value


@dataclass(frozen=True, slots=True)
class SearchView:
    """The order of the trials (`sort` of a column) and what they are filtered by."""

    sort: str = BY_VALUE
    reverse: bool = False
    filter: str = ""


@dataclass(frozen=True)
class SearchRecord:
    """A search, and its trials by number.

    `importances` are shares of the first objective by the parameter's key, by evaluator; `no_importance` says why there are none. `left` is the expected time to
    the end in seconds.
    """

    run: Run | None = None
    name: str = ""
    state: RunState = RunState.UNKNOWN
    error: str = ""
    trials: Mapping[int, Trial] = field(default_factory=dict)
    objectives: Sequence[Objective] = (Objective("value"),)
    budget: int = 0
    workers: int = 0
    sampler: str = ""
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    no_importance: str = "importances come with the first finished trials"
    left: float | None = None

    def prepare(self) -> SearchRecord:
        """Compute what drawing needs, where nobody waits for a key."""
        _ = self.best_so_far, self.front, self.short, self.counts, self.ranked, self.ranges, self.reached, self.numbers
        return self

    @cached_property
    def valued(self) -> Sequence[Trial]:
        """The trials with a finite value of each objective, by number."""
        names = [each.name for each in self.objectives]
        return [
            trial
            for trial in self.trials.values()
            if trial.state is TrialState.DONE and all((value := trial.values.get(name)) is not None and value - value == 0 for name in names)
        ]

    @cached_property
    def ranked(self) -> Sequence[Trial]:
        """The same, the best of the first objective first; of equal ones the earlier."""
        first = self.objectives[0]
        return sorted(self.valued, key=lambda trial: first.loss(trial.values[first.name]))

    @cached_property
    def best_so_far(self) -> Sequence[tuple[int, float]]:
        """The trials at which the first objective was better than ever before."""
        found: list[tuple[int, float]] = []
        best, first = math.inf, self.objectives[0]
        for trial in self.valued:
            if first.loss(trial.values[first.name]) < best:
                best = first.loss(trial.values[first.name])
                found.append((trial.number, trial.values[first.name]))
        return found

    @cached_property
    def front(self) -> Sequence[Trial]:
        """The trials that no other one is at least as good as in both objectives and better in one."""
        if len(self.objectives) < 2:
            return self.ranked[:1]
        first, second = self.objectives[:2]
        found: list[Trial] = []
        best = (math.inf, math.inf)
        for trial in sorted(self.valued, key=lambda each: (first.loss(each.values[first.name]), second.loss(each.values[second.name]))):
            losses = (first.loss(trial.values[first.name]), second.loss(trial.values[second.name]))
            if losses[1] < best[1] or losses == best:
                best = losses
                found.append(trial)
        return found

    @cached_property
    def parameters(self) -> Sequence[str]:
        """The keys of the space: the most important first, else in the order in which they came."""
        keys = dict.fromkeys(key for trial in self.trials.values() for key in trial.params)
        shares = next(iter(self.importances.values()), {})
        return sorted(keys, key=lambda key: -shares.get(key, -1.0))

    @cached_property
    def columns(self) -> Mapping[str, Sequence[object]]:
        """The values of the trials with a value, by parameter; None where a trial does not have it."""
        return {key: [trial.params.get(key) for trial in self.valued] for key in self.parameters}

    @cached_property
    def values(self) -> Sequence[Sequence[float]]:
        """The same of each objective."""
        return [[trial.values[each.name] for trial in self.valued] for each in self.objectives]

    @cached_property
    def numbers(self) -> Sequence[int]:
        return [trial.number for trial in self.valued]

    @cached_property
    def ranges(self) -> Mapping[str, Extent]:
        """The values of each parameter, of the trials with a value."""
        return {key: extent_of(values) for key, values in self.columns.items()}

    @cached_property
    def reached(self) -> Sequence[Extent]:
        """The values of each objective."""
        return [extent_of(values) for values in self.values]

    @cached_property
    def short(self) -> Mapping[str, str]:
        """The last words of the keys that tell them apart."""
        return short_names(self.parameters)

    @cached_property
    def counts(self) -> Mapping[TrialState, int]:
        """How many trials are in each state."""
        return Counter(trial.state for trial in self.trials.values())

    @property
    def ended(self) -> int:
        """How many trials have come to an end."""
        return sum(count for state, count in self.counts.items() if state.has_ended)

    def value(self, trial: Trial | None, place: int = 0) -> float | None:
        """An objective of a trial, None where it has none."""
        return trial.values.get(self.objectives[place].name) if trial is not None else None

    def is_comparable(self, trial: Trial) -> bool:
        """Whether it is done with a finite value of each objective."""
        return trial.state is TrialState.DONE and all(math.isfinite(trial.values.get(each.name, math.nan)) for each in self.objectives)


@dataclass(frozen=True, slots=True)
class FoundSearch:
    """A search in the runs directory."""

    run: Run
    name: str
    state: RunState
    headline: str


@dataclass(frozen=True, slots=True)
class SearchPart:
    """What the mode draws: `shown` are the numbers of the trials that match the filter, in the order of the view.

    `chosen` is the trial whose run is watched, None where that is the search itself. Without a search, `searches` are those there are,
    and `trouble` is why the directory of runs could not be listed.
    """

    record: SearchRecord | None = None
    view: SearchView = SearchView()
    shown: Sequence[int] = ()
    chosen: int | None = None
    searches: Sequence[FoundSearch] = ()
    trouble: str = ""


def short_names(keys: Sequence[str]) -> Mapping[str, str]:
    """optimizer.lr as lr, as long as no other key ends like that."""
    ends = [key.rpartition(".")[2] for key in keys]
    return {key: end if ends.count(end) == 1 else key for key, end in zip(keys, ends, strict=True)}


def took(trial: Trial) -> float | None:
    """Seconds from its start to its end, None while it has none."""
    return max(0.0, trial.ended - trial.started) if trial.started and trial.ended else None


def exact(value: object) -> str:
    """A value with all of its digits, as a configuration takes it."""
    return repr(value) if isinstance(value, float) else setting_text(value)


def text_of(trial: Trial) -> str:
    """What the filter looks into besides the state."""
    params = " ".join(f"{key}={setting_text(value)}" for key, value in trial.params.items())
    return f"{trial.number} {params} {trial.run} {trial.source} {trial.error}".lower()


def listed_trials(record: SearchRecord, view: SearchView) -> Sequence[int]:
    """The numbers of the trials that have each word of the filter, in the order of the view. The name of a state means the state alone."""
    words = view.filter.lower().split()
    states, others = [word for word in words if word in STATES], [word for word in words if word not in STATES]
    found: Iterable[Trial] = record.trials.values()
    if states:
        found = [trial for trial in found if trial.state in states]
    if others:
        found = [trial for trial in found if all(word in text for text in [text_of(trial)] for word in others)]
    return [trial.number for trial in sorted(found, key=lambda trial: order_of(record, view.sort, trial), reverse=view.reverse)]


def order_of(record: SearchRecord, sort: str, trial: Trial) -> tuple[int, float, str, int]:
    """What trials are sorted by; those that have nothing to be sorted by come last, the newest of them first."""
    if sort == BY_NUMBER:
        return 0, float(trial.number), "", 0
    value: object = None
    if sort == BY_TIME:
        value = took(trial)
    elif sort in trial.params:
        value = trial.params[sort]
    elif sort.startswith(BY_VALUE):
        place = int(sort.removeprefix(BY_VALUE) or 0)
        if place < len(record.objectives) and record.is_comparable(trial):
            value = record.objectives[place].loss(trial.values[record.objectives[place].name])
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return 0, float(value), "", trial.number
    if value is not None:
        return 1, 0.0, setting_text(value), trial.number
    return 2, 0.0, "", -trial.number
