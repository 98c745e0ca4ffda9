"""Reads a search for the mode: the one that is watched, or the one that the watched run is a trial of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gradtop.trainer.job import find_job
from gradtop.trainer.jobs.search.outcome import EVALUATORS, outcome_of
from gradtop.trainer.record import Meta, Run, RunReader, RunState, clean, read_meta
from gradtop.trainer.record.config_values import value_of
from gradtop.trainer.trials.recorded import FILE, Trial, TrialReader
from gradtop.tui.screens.search.data import (
    FoundSearch,
    Objective,
    SearchPart,
    SearchRecord,
    SearchView,
    listed_trials,
)

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

JOB = "search"
FEWEST = 2  # trials that ended before a time left is told
MOST_LISTED = 200  # searches
NAME, SENTENCE = 80, 300  # characters


class ReadSearch:
    """One search, read on from where it was read before; the same objects as long as nothing in it has changed."""

    def __init__(self, run: Run, clock: Callable[[], float]) -> None:
        self.reader = RunReader(run, clock=clock)
        self.trials = TrialReader(run)
        self._record: SearchRecord | None = None
        self._seen: tuple[object, ...] = ()
        self._part: SearchPart | None = None

    def read(self, view: SearchView, watched: Run, now: float) -> SearchPart:
        self.reader.refresh()
        grown, status = self.trials.refresh(), self.reader.status
        seen = (self.reader.state, status.result, status.error)
        if self._record is None or grown or seen != self._seen:
            self._seen, self._part = seen, None
            self._record = record_of(self.reader, self.trials.trials, now)
        chosen = next((trial.number for trial in self._record.trials.values() if trial.run == watched.id), None)
        if self._part is None or self._part.view != view or self._part.chosen != chosen:
            self._part = SearchPart(self._record, view, listed_trials(self._record, view), chosen)
        return self._part


_open: list[ReadSearch] = []  # the one that was read last


def read_search(source: ReadContext, view: SearchView) -> SearchPart:
    """The search that the watched run is or belongs to; else which searches there are."""
    reader = source.run
    search = search_of(reader.run, reader.meta) if reader is not None else None
    if reader is None or search is None:
        _open.clear()
        return SearchPart(view=view, searches=tuple(found_searches(source)), trouble=source.runs.trouble)
    if not _open or _open[0].reader.run.path != search.path:
        _open[:] = [ReadSearch(search, source.clock)]
    return _open[0].read(view, reader.run, source.clock())


def grown(_source: ReadContext) -> int | None:
    """What is another value when the search has news, for a look at each tick."""
    if not _open:
        return None
    try:
        return (_open[0].reader.run.path / FILE).stat().st_size
    except OSError:
        return None


def search_of(run: Run, meta: Meta) -> Run | None:
    """The search that a run is, or is a trial of."""
    if meta.job == JOB:
        return run
    parent = Run(run.path.parent / meta.parent) if meta.parent else None
    return parent if parent is not None and read_meta(parent).job == JOB else None


def found_searches(source: ReadContext) -> Iterable[FoundSearch]:
    """The searches of the runs directory, the newest first."""
    from gradtop.trainer.analysis.index import RunsView

    source.runs.refresh()
    rows = [row for row in source.runs.rows(RunsView()) if row.job == JOB]
    for row in rows[:MOST_LISTED]:
        yield FoundSearch(row.run, clean(row.name, NAME), row.state, find_job(JOB).result.headline(row.status))


def record_of(reader: RunReader, trials: Iterable[Trial], now: float) -> SearchRecord:
    """All that the mode shows of a search but the order of its trials."""
    outcome, meta, config = outcome_of(reader.status.result), reader.meta, reader.config
    by_number = {trial.number: trial for trial in trials}
    names = list(outcome.objectives) or list(dict.fromkeys(name for trial in by_number.values() for name in trial.values))[:1] or ["value"]
    methods = [name for name in EVALUATORS if outcome.importances.get(name, {}).get(names[0])]
    record = SearchRecord(
        run=reader.run,
        name=clean(meta.name or reader.run.id, NAME),
        state=reader.state,
        error=clean(reader.status.error, SENTENCE),
        trials=by_number,
        objectives=tuple(Objective(name, outcome.objectives.get(name, "min") == "max") for name in names),
        budget=outcome.budget,
        workers=whole(value_of(config, "search.workers")),
        sampler=clean(str(value_of(config, "search.sampler", "")), NAME),
        importances={name: shares(outcome.importances[name][names[0]]) for name in methods},
        no_importance=clean(outcome.no_importances, SENTENCE) or "importances come once enough trials are done",
    )
    return replace(record, left=left_of(record, now)).prepare()


def shares(found: Mapping[str, float]) -> Mapping[str, float]:
    """From the largest on."""
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def left_of(record: SearchRecord, now: float) -> float | None:
    """Seconds to the end of the budget at the pace so far, None where it is not known or nothing goes on."""
    begun = [trial.started for trial in record.trials.values() if trial.started]
    ended = [trial.ended for trial in record.trials.values() if trial.ended]
    if record.state is not RunState.TRAINING or not record.budget or len(ended) < FEWEST or record.ended >= record.budget:
        return None
    pace = (max(ended) - min(begun)) / len(ended)
    return max(0.0, pace * (record.budget - record.ended) - max(0.0, now - max(ended)))
