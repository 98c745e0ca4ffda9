"""The index of a runs directory: all runs with their states and what was changed, kept up to date by looking only at what may have changed."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from gradtop.trainer.analysis.death import how_it_died
from gradtop.trainer.analysis.lineage import branch, families
from gradtop.trainer.analysis.look_up import look_up, names_of
from gradtop.trainer.analysis.newest import recorded_since
from gradtop.trainer.analysis.run_fields import compares_by, field_of, is_looked_up
from gradtop.trainer.analysis.run_filter import parse, unknown_name
from gradtop.trainer.analysis.run_order import NEWEST, in_order, without_branch
from gradtop.trainer.analysis.run_row import (
    CHANGED,
    NEVER,
    IndexedRun,
    RunRow,
    created,
    haystack,
    last_words,
    row_of,
    shortened,
)
from gradtop.trainer.analysis.text import waits_for
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import (
    Run,
    RunState,
    Status,
    StreamReader,
    derive_state,
    queue_order,
    requested_device,
)
from gradtop.trainer.record.files import identity
from gradtop.trainer.record.layout import META, STATUS
from gradtop.trainer.record.meta import examine_seen_meta
from gradtop.trainer.record.runs import RunList
from gradtop.trainer.record.status import examine_seen_status
from gradtop.trainer.record.streams.registry import EVALS, STEPS

AT_ONCE = 25
NAMED = 50  # runs in which a key is looked for that was probably meant
FILLED = 1.0  # seconds after which a new directory has the files of a run, if it is one
LIST_EVERY = 5.0


class RunsView(NamedTuple):
    """`columns` are the fields that are shown beside those that every row has."""

    sort: str = NEWEST
    filter: str = ""
    reverse: bool = False
    columns: tuple[str, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """What must be looked up for it."""
        found = {need for name in self.columns for need in field_of(name).needs}
        return frozenset({*found, *(() if self.sort == NEWEST else compares_by(self.sort)), *parse(self.filter).needs})


class RunIndex:
    """All runs of one directory. A refresh lists it when it changed, looks at each run that lives, and at some that ended."""

    def __init__(self, runs: Path, *, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.runs = runs
        self._list = RunList(runs)
        self._clock, self._monotonic = clock, monotonic
        self._entries: dict[str, IndexedRun] = {}  # by the path of the run, the newest first
        self._listed: tuple[int, float] = (-1, 0.0)
        self._unfinished = -math.inf
        self._next = 0
        self._ordered: list[IndexedRun] = []
        self._names: dict[str, str] = {}
        self._is_sorted = False
        self._wanted: frozenset[str] = frozenset()
        self._is_looked_up = True
        self.ids: frozenset[str] = frozenset()

    @property
    def trouble(self) -> str:
        """Why the directory could not be listed; "" where it was, or was never there."""
        return self._list.trouble

    @property
    def any_alive(self) -> bool:
        return any(entry.state.is_alive for entry in self._entries.values())

    @property
    def is_whole(self) -> bool:
        """Whether each run was looked at, and for all that is wanted."""
        return self._is_looked_up and all(entry.is_known for entry in self._entries.values())

    def refresh(self, seconds: float = math.inf) -> bool:
        """Look again; whether anything a person could see has changed. What is not looked at within so many seconds is next time."""
        changed, until = self._look_for_runs(), self._monotonic() + seconds
        entries = list(self._entries.values())
        due = [entry for entry in entries if entry.state.is_alive or not entry.is_known]
        for _ in range(min(AT_ONCE, len(entries))):
            self._next = (self._next + 1) % len(entries)
            if (entry := entries[self._next]).is_known and not entry.state.is_alive:
                due.append(entry)
        for place, entry in enumerate(due):
            if self._look(entry):
                entry.row, changed = None, True
            if place % AT_ONCE == 0 and self._monotonic() > until:
                break
        return self._look_up(until) or changed

    def gather(self, view: RunsView, seconds: float = math.inf) -> None:
        """Look up what the view needs, as far as the time suffices; the next refreshes go on with it."""
        wanted = view.needs
        if wanted != self._wanted:
            self._wanted, self._is_looked_up = wanted, not wanted
        self._look_up(self._monotonic() + seconds)

    def _look_up(self, until: float) -> bool:
        """Whether anything was found that is news."""
        changed = False
        if self._is_looked_up:
            return changed
        now = self._clock()
        for place, entry in enumerate(self._entries.values()):
            if not entry.is_known or not (missing := entry.looked.missing(self._wanted, entry.state, now)):
                continue
            before = entry.looked.values
            entry.looked = look_up(entry.run, entry.status, entry.looked, missing, now)
            if entry.looked.values != before:
                entry.row, changed = None, True
            if place % AT_ONCE == 0 and self._monotonic() > until:
                return changed
        self._is_looked_up = True
        return changed

    def problem(self, view: RunsView) -> str:
        """What is wrong with the filter of the view, in a sentence; "" where nothing is, or not all runs were read yet."""
        found = parse(view.filter)
        if found.problem or not self.is_whole:
            return found.problem
        return self.unknown(found.unknown) or found.incomplete

    def names(self) -> set[str]:
        """The keys and metrics that the newest runs have."""
        return {name for entry in list(self._entries.values())[:NAMED] for name in names_of(entry.run)}

    def unknown(self, names: Iterable[str]) -> str:
        """What is said of the first name that no run has anything of; "" where all have, or not all runs were read yet."""
        entries = list(self._entries.values())
        for name in names:
            if is_looked_up(name) and entries and self.is_whole and all(entry.looked.values.get(field_of(name).needs[0]) is None for entry in entries):
                return unknown_name(name, self.names())
        return ""

    def look_again(self, run: Run) -> None:
        """Have the next refresh look at a run that was changed from here, and at the directory that it is in."""
        self._listed = (-1, 0.0)
        if (entry := self._entries.get(run.where)) is not None:
            entry.marks = CHANGED

    def _look_for_runs(self) -> bool:
        now = self._clock()
        mark = _mark(os.fspath(self.runs))
        if mark == self._listed[0] and abs(now - self._listed[1]) < LIST_EVERY and self._monotonic() > self._unfinished:
            return False
        self._listed, others, trouble = (mark, now), self._list.others, self._list.trouble
        found = self._list.read()
        if self._list.others - others:
            self._unfinished = self._monotonic() + FILLED  # maybe a run whose files are being written: they change its own directory alone
        if [run.where for run in found] == list(self._entries):
            return self._list.trouble != trouble
        self._entries = {run.where: self._entries.get(run.where) or IndexedRun(run) for run in found}
        self.ids = frozenset(run.id for run in found)
        self._is_sorted = False
        return True

    def _look(self, entry: IndexedRun) -> bool:
        now, first = self._clock(), not entry.is_known
        run, before = entry.run, entry.marks
        marks = NEVER if first else (_mark(run.file(STATUS)), _mark(run.file(META)))
        changed = first
        if first or marks[0] != before[0]:
            status, why, seen = examine_seen_status(run)
            marks = (_mark_of(seen) if seen is not None else _mark(run.file(STATUS)), marks[1])
            if why and not first and not entry.problems[0]:
                status = entry.status  # the last good one stays
            if first or status.updated != entry.status.updated:
                entry.beat, entry.moves = self._monotonic(), not first
            if first or _still(status) != _still(entry.status) or why != entry.problems[0]:
                changed = True
            if changed:
                entry.looked = entry.looked.after(entry.status, status)
            entry.status = status if changed else entry.status._replace(updated=status.updated)
            entry.problems = (why, entry.problems[1])
        if first or marks[1] != before[1]:
            entry.meta, why, seen = examine_seen_meta(run)
            marks = (marks[0], _mark_of(seen) if seen is not None else _mark(run.file(META)))
            entry.problems = (entry.problems[0], why)
            changed, self._is_sorted = True, False
        if changed or entry.state.is_alive:
            self._is_looked_up = not self._wanted
        entry.marks = marks
        here = now - (self._monotonic() - entry.beat)
        # As in RunReader: what was seen to move, or to stand still, counts for more than what another clock has written.
        state = derive_state(entry.status, now=now, heartbeat_seen=here if entry.moves else min(entry.status.updated, here))
        if state != entry.state or first:
            entry.state, changed = state, True
        death = entry.death if entry.death and not changed else how_it_died(run, state, entry.status)
        if death != entry.death:
            entry.death, changed = death, True
        if changed:
            entry.words = last_words(entry)
            died = state is RunState.DIED
            entry.newest = recorded_since(entry.status, StreamReader(run, EVALS), StreamReader(run, STEPS)) if died else None
        return changed

    def rows(self, view: RunsView) -> tuple[RunRow, ...]:
        """The runs in the order of the view; the row of a run that did not change is the same object as before."""
        if not self._is_sorted:
            self._sort()
        entries = self._ordered
        for entry in entries:
            if entry.row is None:
                entry.row = row_of(entry, self._names)
        self._update_queue()
        rows = [entry.row for entry in entries if entry.row is not None]
        rows = in_order(rows, view.sort, reverse=view.reverse)
        if view.filter:
            wanted = parse(view.filter)
            rows = [row for row in rows if wanted.matches(row, haystack)]
        else:
            rows = [row for row in rows if not row.search]  # a hundred trials would hide all else; any filter finds them
        if any(row.pinned for row in rows):
            rows = [*(without_branch(row) for row in rows if row.pinned), *(row for row in rows if not row.pinned)]
        return tuple(rows)

    def _update_queue(self) -> None:
        alive = {entry.run: entry.status for entry in self._ordered if entry.state.is_alive}
        for waiting in queue_order(alive, self._requested_device):
            entry = self._entries[waiting.run.where]
            before = waits_for(waiting.device, [self._names[other.id] for other in waiting.before])
            if entry.row is not None and (entry.row.place, entry.row.waits_for) != (waiting.place, before):
                entry.row = entry.row._replace(place=waiting.place, waits_for=before)

    def _requested_device(self, run: Run) -> str:
        """Read once: the configuration of a run stays as it is."""
        entry = self._entries[run.where]
        entry.asked = entry.asked or requested_device(run)
        return entry.asked

    def _sort(self) -> None:
        """Each run below the one it came from, the oldest first; the family with the newest run first."""
        known = {entry.run.id: entry for entry in self._entries.values() if entry.is_known}
        self._names = {run: entry.meta.name or run for run, entry in known.items()}
        age = {run: (created(entry), run) for run, entry in known.items()}
        pinned = {run for run, entry in known.items() if entry.meta.pinned}  # on top of the list, and so in no family
        parents = {run: "" if run in pinned or known[run].meta.parent in pinned else known[run].meta.parent for run in sorted(age, key=age.__getitem__)}
        found = families(parents)
        found.sort(key=lambda family: max([age[run] for run, _ in family]), reverse=True)
        self._ordered = []
        for family in found:
            for run, place in family:
                entry = known[run]
                kept = (shortened(branch(place)) if place else "", self._names.get(entry.meta.parent, ""))
                if kept != entry.family:
                    entry.family, entry.row = kept, None
                self._ordered.append(entry)
        self._is_sorted = True

    def __len__(self) -> int:
        return len(self._entries)


def _still(status: Status) -> Status:
    return status._replace(updated=0.0, seconds=0.0)


def _mark(path: str) -> int:
    """A number that changes when a file is replaced; -2 where there is none."""
    try:
        return _mark_of(os.stat(path))  # noqa: PTH116 - ten thousand times
    except OSError:
        return -2


def _mark_of(found: os.stat_result) -> int:
    return hash(identity(found))
