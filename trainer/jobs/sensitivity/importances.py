"""The importances that a search of the same configuration has found, to be shown beside. Imports no Optuna: they stand in its result."""

from __future__ import annotations

from collections.abc import Mapping

from gradtop.trainer.jobs.search.outcome import outcome_of
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Run, RunReader, list_runs, read_meta
from gradtop.trainer.record.run_reader import read_config

OTHER_TABLES = ("job", "search", "sensitivity")


class SearchImportances(NamedTuple):
    """Shares by key, by evaluator, of the search's first objective."""

    search: str = ""
    name: str = ""
    shares: Mapping[str, Mapping[str, float]] = {}


def importances_beside(run: Run, chosen: str) -> SearchImportances:
    """Those of the chosen search, else of the newest one that has any: of one whose configuration or parent is the same."""
    runs = run.path.parent
    searches = [Run(runs / chosen)] if chosen else [each for each in list_runs(runs) if _is_beside(each, run)]
    for search in searches:
        reader = RunReader(search)
        reader.refresh()
        outcome = outcome_of(reader.status.result)
        objective = next(iter(outcome.objectives), "")
        shares = {evaluator: by[objective] for evaluator, by in outcome.importances.items() if objective in by}
        if shares:
            return SearchImportances(search.id, reader.meta.name or search.id, shares)
    return SearchImportances()


def _is_beside(search: Run, run: Run) -> bool:
    meta, own = read_meta(search), read_meta(run)
    if meta.job != "search":
        return False
    return bool(meta.parent and meta.parent == own.parent) or _base_of(search) == _base_of(run)


def _base_of(run: Run) -> dict[str, object]:
    return {name: table for name, table in read_config(run).items() if name not in OTHER_TABLES}
