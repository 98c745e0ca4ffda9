"""Which runs a cleaning removes, and which it keeps and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.analysis.run_fields import DATA, comparable
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Run, RunState

if TYPE_CHECKING:
    from gradtop.trainer.analysis.run_row import RunRow

BEST = "best"


class Selection(NamedTuple):
    """What is given must all hold; `older_than` in seconds since the end of a run."""

    filter: str = ""
    failed: bool = False
    older_than: float | None = None
    keep_best: int | None = None


class Cleaning(NamedTuple):
    """`rows` are removed, the oldest first, each with its `data`; `kept` would be, but for the reason. `groups` are ranked apart."""

    rows: tuple[RunRow, ...] = ()
    data: tuple[str, ...] = ()
    kept: tuple[tuple[RunRow, str], ...] = ()
    groups: int = 0
    problem: str = ""


def select(runs: Path, selection: Selection, now: float) -> Cleaning:
    index = RunIndex(runs)
    index.refresh()
    view = RunsView(sort=BEST, filter=selection.filter)
    index.gather(view)
    if problem := index.problem(view):
        return Cleaning(problem=problem)
    rows = index.rows(view)
    best, groups = best_of(rows, selection.keep_best) if selection.keep_best is not None else (set(), 0)
    removed, kept = [], []
    for row in sorted(rows, key=lambda row: (row.created, row.run.id)):
        if not is_selected(row, selection, now):
            continue
        if why := why_kept(row) or (f"among the best {selection.keep_best}" if row.run in best else ""):
            kept.append((row, why))
        else:
            removed.append(row)
    data = tuple(str(row.values.get(DATA) or "–") for row in removed)
    return Cleaning(tuple(removed), data, tuple(kept), groups)


def is_selected(row: RunRow, selection: Selection, now: float) -> bool:
    if selection.failed and not row.state.went_wrong:
        return False
    ended = row.status.ended or row.status.updated or row.created
    if selection.older_than is not None and not 0 < ended <= now - selection.older_than:
        return False
    alone = selection.keep_best is not None and not selection.failed and selection.older_than is None
    return not alone or row.status.best is not None  # what was never evaluated is not worse than another


def why_kept(row: RunRow) -> str:
    """Why a run is never removed; "" where it may be."""
    if row.pinned:
        return "pinned"
    if row.unreadable or row.state is RunState.UNKNOWN:
        return "cannot be read"
    if row.state.is_alive:
        return str(row.state)
    return ""


def best_of(rows: tuple[RunRow, ...], count: int) -> tuple[set[Run], int]:
    """The best runs of each group whose results compare, and how many groups there are."""
    groups: dict[tuple[str, ...], list[RunRow]] = {}
    for row in rows:
        if row.status.monitored.rank(row.status.best) < float("inf"):
            groups.setdefault(comparable(row, BEST), []).append(row)
    best = set()
    for group in groups.values():
        group.sort(key=lambda row: row.status.monitored.rank(row.status.best))
        best |= {row.run for row in group[:count]}
    return best, len(groups)
