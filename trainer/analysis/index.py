"""The index of a runs directory: all runs with their states and what was changed, kept up to date by looking only at what may have changed."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gradtop.trainer.analysis.formatting import number, setting
from gradtop.trainer.analysis.lineage import branch, families
from gradtop.trainer.analysis.text import stopped_early_text, waits_for
from gradtop.trainer.job import DEFAULT_JOB, find_job
from gradtop.trainer.record import (
    Meta,
    Run,
    RunReader,
    RunState,
    Status,
    asked_device,
    clean,
    derive_state,
    in_line,
    list_runs,
    read_meta,
    read_status,
)

AT_ONCE = 25
LIST_EVERY = 5.0
SENTENCE = 300  # characters of what was changed, and of the last words
DEEPEST = 9  # cells of branches before a name
FORKED_AT = re.compile(r"step-0*(\d{1,18})\.pt$")
SORTS = ("newest", "best", "name")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line of the list; `branch` is what is drawn before the name ("├", "│ └" or ""); `change` ends with the last `words`, if any: why it failed, died or ended early.

    `place` is that in the line of those that wait for the same device, counted from 1; 0 for a run that does not wait.
    `waits_for` says what it waits for: "quiet-heron on cuda:0".
    """

    run: Run
    name: str
    state: RunState
    created: float
    status: Status
    parent: str
    change: str
    job: str = "train"
    branch: str = ""
    words: str = ""
    place: int = 0
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class RunsView:
    sort: str = "newest"
    filter: str = ""


@dataclass(slots=True)
class Entry:
    run: Run
    marks: tuple[int, int] = (-1, -1)
    meta: Meta = Meta()
    status: Status = Status()
    state: RunState = RunState.UNKNOWN
    moved: float = 0.0
    words: str = ""
    asked: str = ""
    row: RunRow | None = None


class RunIndex:
    """All runs of one directory. A refresh lists it when it changed, looks at each run that lives, and at some that ended."""

    def __init__(self, runs: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._runs = runs
        self._clock = clock
        self._entries: dict[Path, Entry] = {}
        self._listed: tuple[int, float] = (-1, 0.0)
        self._next = 0
        self._ordered: list[tuple[Entry, str]] | None = None

    @property
    def any_alive(self) -> bool:
        return any(entry.state.is_alive for entry in self._entries.values())

    def refresh(self) -> bool:
        """Look again; whether anything a person could see has changed."""
        changed = self._list()
        entries = list(self._entries.values())
        due = {id(entry): entry for entry in entries if entry.state.is_alive or entry.marks == (-1, -1)}
        for _ in range(min(AT_ONCE, len(entries))):
            self._next = (self._next + 1) % len(entries)
            due[id(entries[self._next])] = entries[self._next]
        for entry in due.values():
            if self._look(entry):
                entry.row, changed = None, True
        return changed

    def look_again(self, run: Run) -> None:
        """Have the next refresh look at a run that was changed from here, and at the directory that it is in."""
        self._listed = (-1, 0.0)
        if (entry := self._entries.get(run.path)) is not None:
            entry.marks = (-1, -1)

    def _list(self) -> bool:
        now = self._clock()
        mark = _mark(self._runs)
        if mark == self._listed[0] and abs(now - self._listed[1]) < LIST_EVERY:
            return False
        self._listed = (mark, now)
        found = {run.path: run for run in list_runs(self._runs)}
        if list(found) == list(self._entries):
            return False
        self._entries = {path: self._entries.get(path) or Entry(run) for path, run in found.items()}
        self._forget()
        return True

    def _forget(self) -> None:
        """Names and parents may be others: every row says them."""
        self._ordered = None
        for entry in self._entries.values():
            entry.row = None

    def _look(self, entry: Entry) -> bool:
        now, first = self._clock(), entry.marks == (-1, -1)
        marks = (_mark(entry.run.status), _mark(entry.run.meta))
        changed = False
        if marks[0] != entry.marks[0]:
            status = read_status(entry.run)
            if status.updated != entry.status.updated and not first:
                entry.moved = now
            if _still(status) != _still(entry.status):
                entry.status, changed = status, True
            else:
                entry.status = replace(entry.status, updated=status.updated)
        if marks[1] != entry.marks[1]:
            entry.meta, changed = read_meta(entry.run), True
            self._forget()
        entry.marks = marks
        seen = None if first or not entry.moved else entry.moved
        state = derive_state(entry.status, now=now, heartbeat_seen=seen)
        if state != entry.state:
            entry.state, changed = state, True
            entry.words = entry.status.error or stopped_early_text(entry.status)
            if state is RunState.DIED and not entry.status.error:
                entry.words = " ".join(RunReader(entry.run).last_log_lines(1))
        return changed

    def rows(self, view: RunsView) -> tuple[RunRow, ...]:
        """The runs in the order of the view; the row of a run that did not change is the same object as before."""
        entries = list(self._entries.values())
        if any(entry.row is None for entry in entries):
            names = {entry.run.id: entry.meta.name or entry.run.id for entry in entries}
            branches = {id(entry): before for entry, before in self._order()}
            for entry in entries:
                if entry.row is None:
                    entry.row = replace(row_of(entry, names), branch=branches.get(id(entry), ""))
            self._put_in_line(names)
        if view.sort == "newest":
            rows = [entry.row for entry, _ in self._ordered or () if entry.row is not None]
        else:
            rows = [replace(entry.row, branch="") if entry.row.branch else entry.row for entry in entries if entry.row is not None]
            if view.sort == "best":
                rows.sort(key=best_first)
            else:
                rows.sort(key=lambda row: (row.name, row.run.id))
        wanted = view.filter.casefold().split()
        return tuple(row for row in rows if all(word in haystack(row) for word in wanted)) if wanted else tuple(rows)

    def _put_in_line(self, names: Mapping[str, str]) -> None:
        alive = {entry.run: entry.status for entry in self._entries.values() if entry.state.is_alive}
        for waiting in in_line(alive, self._asked_device):
            entry = self._entries[waiting.run.path]
            before = waits_for(waiting.device, [names[other.id] for other in waiting.before])
            if entry.row is not None and (entry.row.place, entry.row.waits_for) != (waiting.place, before):
                entry.row = replace(entry.row, place=waiting.place, waits_for=before)

    def _asked_device(self, run: Run) -> str:
        """Read once: the configuration of a run stays as it is."""
        entry = self._entries[run.path]
        entry.asked = entry.asked or asked_device(run)
        return entry.asked

    def _order(self) -> list[tuple[Entry, str]]:
        """Each run below the one it came from, the oldest first; the family with the newest run first."""
        if self._ordered is None:
            age = {entry.run.id: (created(entry), entry.run.id) for entry in self._entries.values()}
            entries = {entry.run.id: entry for entry in sorted(self._entries.values(), key=lambda entry: age[entry.run.id])}
            found = families({run: entry.meta.parent for run, entry in entries.items()})
            found.sort(key=lambda family: max(age[run] for run, _ in family), reverse=True)
            self._ordered = [(entries[run], shortened(branch(place))) for family in found for run, place in family]
        return self._ordered

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(path.name for path in self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def row_of(entry: Entry, names: dict[str, str]) -> RunRow:
    meta = entry.meta
    return RunRow(
        run=entry.run,
        name=names[entry.run.id],
        state=entry.state,
        created=created(entry),
        status=entry.status,
        parent=meta.parent or "",
        change=describe_change(entry, names),
        job=meta.job,
        words=clean(entry.words, SENTENCE),
    )


def created(entry: Entry) -> float:
    return entry.meta.created or entry.status.started


def shortened(before: str) -> str:
    return before if len(before) <= DEEPEST else f"…{before[1 - DEEPEST :]}"


def best_first(row: RunRow) -> tuple[bool, float, str]:
    """Runs without a finite value come last."""
    best = row.status.best_val_loss
    known = best is not None and math.isfinite(best)
    return not known, best if best is not None and known else 0.0, row.run.id


def describe_change(entry: Entry, names: dict[str, str]) -> str:
    """What differs from the parent, or the last words of a run that ended badly; first the job, where it is no training, and its result."""
    changes = "  ".join(f"{change.key.rpartition('.')[2]} {setting(change.old)} → {setting(change.new)}" for change in entry.meta.changes)
    parent = entry.meta.parent
    if parent and not changes:
        changes = f"as {names.get(parent, parent)}"
    if at := FORKED_AT.match(entry.meta.parent_checkpoint):
        changes = f"from step {number(int(at[1]))}: {changes}"
    job = ""
    if entry.meta.job != DEFAULT_JOB:
        known = find_job(entry.meta.job)
        job = clean("  ".join(filter(None, (known.label, known.headline(entry.status)))), SENTENCE)
    return "   ".join(filter(None, (job, clean(changes, SENTENCE), clean(entry.words, SENTENCE))))


def haystack(row: RunRow) -> str:
    return f"{row.name} {row.run.id} {row.state} {row.change} {row.status.model}".casefold()


def _still(status: Status) -> Status:
    return replace(status, updated=0.0, seconds=0.0)


def _mark(path: Path) -> int:
    """A number that changes when a file is replaced; -2 where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return -2
    return hash((stat.st_mtime_ns, stat.st_ino, stat.st_size))
