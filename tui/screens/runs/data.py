"""What the list of runs shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.index import RunsView
from gradtop.trainer.analysis.run_order import NEWEST, groups
from gradtop.trainer.analysis.run_row import RunRow
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import RunReader, clean

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

NEWEST_FIRST = RunsView()
AT_ONCE = 0.05  # seconds of looking for what is wrong with runs, before others who wait for the poll thread
AT_FIRST = 0.1  # seconds of it for the first frame
LIVE_EVERY = 10.0  # seconds between two looks at a run that is alive
SENTENCE = 200  # characters
LOOKING = 0.1  # seconds of looking up what a column, an order or a filter needs; the next looks go on with it


class RunsPart(NamedTuple):
    """`total` runs are there, with the ids `known`; `rows` of them match the filter, or `problem` says what is wrong with it.

    Those are sorted within `groups` that do not compare with each other; 0 where they are not ranked. `whole` is whether all were read,
    `trouble` why their directory could not be listed.
    """

    rows: tuple[RunRow, ...] = ()
    total: int = 0
    view: RunsView = NEWEST_FIRST
    now: float = 0.0
    known: frozenset[str] = frozenset()
    problem: str = ""
    groups: int = 0
    whole: bool = True
    trouble: str = ""


def read_runs(source: ReadContext, view: RunsView) -> RunsPart:
    runs = source.runs
    runs.gather(view, LOOKING)
    rows = runs.rows(view)
    return RunsPart(rows, len(runs), view, source.clock(), runs.ids, runs.problem(view), groups(rows, view.sort), runs.is_whole, runs.trouble)


class Judgement(NamedTuple):
    """What is wrong with a run as its row stood: the worst and the count in a few words, and the worst in a sentence."""

    row: RunRow
    at: float
    words: str = ""
    sentence: str = ""
    tone: str = "muted"

    def holds(self, row: RunRow, now: float) -> bool:
        """Whether it still tells of this row; a run that is alive moves on with every step."""
        return row is self.row or (row.state is self.row.state and row.state.is_alive and now - self.at < LIVE_EVERY)


def judge(rows: Iterable[RunRow], clock: Callable[[], float], seconds: float) -> list[Judgement]:
    """Look for what is wrong with runs, the first of them that the time suffices for; in the poll thread."""
    from gradtop.trainer.analysis.findings import report

    found: list[Judgement] = []
    until = time.monotonic() + seconds
    for row in rows:
        reader = RunReader(row.run, clock=clock)
        reader.refresh()
        said = report(reader).besides_the_ending()  # which the state and the last words tell
        sentence = said.worst.sentence if said.worst is not None else ""
        found.append(Judgement(row, clock(), clean(said.cell(), SENTENCE), clean(sentence, SENTENCE), said.tone))
        if time.monotonic() > until:
            break
    return found


def sorted_column(sort: str) -> str:
    """The column that shows an order: families stand by the newest run."""
    return "started" if sort == NEWEST else sort
