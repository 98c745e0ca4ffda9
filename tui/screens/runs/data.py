"""What the list of runs shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.index import RunRow, RunsView

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import Source

NEWEST_FIRST = RunsView()


@dataclass(frozen=True, slots=True)
class RunsPart:
    """`total` runs are there, with the ids `known`; `rows` of them match the filter."""

    rows: tuple[RunRow, ...] = ()
    total: int = 0
    view: RunsView = NEWEST_FIRST
    now: float = 0.0
    known: frozenset[str] = frozenset()


def read_runs(source: Source, view: RunsView) -> RunsPart:
    return RunsPart(source.runs.rows(view), len(source.runs), view, source.clock(), source.runs.ids)
