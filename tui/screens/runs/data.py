"""The list of runs, kept up to date by looking only at what may have changed; their lineage; what was changed between them."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.formatting import number, scientific
from gradtop.trainer.record import (
    Meta,
    Run,
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
from gradtop.trainer.record.queue import ANY
from gradtop.tui.reading.facts import last_words

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import Source

AT_ONCE = 25
LIST_EVERY = 5.0
SENTENCE = 300  # characters of what was changed, and of the last words
DEEPEST = 9  # cells of branches before a name
FORKED_AT = re.compile(r"step-0*(\d{1,18})\.pt$")
SORTS = ("newest", "best", "name")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line of the list; `branch` is what is drawn before the name ("├", "│ └" or ""); `change` ends with the last `words`, if any.

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
    branch: str = ""
    words: str = ""
    place: int = 0
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class RunsView:
    sort: str = "newest"
    filter: str = ""


@dataclass(frozen=True, slots=True)
class RunsPart:
    """`total` runs are there, with the ids `known`; `rows` of them match the filter."""

    rows: tuple[RunRow, ...] = ()
    total: int = 0
    sort: str = "newest"
    now: float = 0.0
    known: frozenset[str] = frozenset()


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
            entry.words = entry.status.error or (" ".join(last_words(entry.run, 1)) if state is RunState.DIED else "")
        return changed

    def rows(self, view: RunsView) -> tuple[RunRow, ...]:
        """The runs in the order of the view; the row of a run that did not change is the same object as before."""
        entries = list(self._entries.values())
        if any(entry.row is None for entry in entries):
            names = {entry.run.id: entry.meta.name or entry.run.id for entry in entries}
            branches = {id(entry): branch for entry, branch in self._order(names)}
            for entry in entries:
                if entry.row is None:
                    entry.row = replace(row_of(entry, names), branch=branches.get(id(entry), ""))
            self._put_in_line(names)
        if view.sort == "newest":
            rows = [entry.row for entry, _branch in self._ordered or () if entry.row is not None]
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
            waits_for = waits_words(waiting.device, [names[other.id] for other in waiting.before])
            if entry.row is not None and (entry.row.place, entry.row.waits_for) != (waiting.place, waits_for):
                entry.row = replace(entry.row, place=waiting.place, waits_for=waits_for)

    def _asked_device(self, run: Run) -> str:
        """Read once: the configuration of a run stays as it is."""
        entry = self._entries[run.path]
        entry.asked = entry.asked or asked_device(run)
        return entry.asked

    def _order(self, names: dict[str, str]) -> list[tuple[Entry, str]]:
        if self._ordered is None:
            by_path = {entry.run.path: entry for entry in self._entries.values()}
            self._ordered = [(by_path[row.run.path], row.branch) for row in lineage(row_of(entry, names) for entry in by_path.values())]
        return self._ordered

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(path.name for path in self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def read_runs(source: Source, view: RunsView) -> RunsPart:
    return RunsPart(source.runs.rows(view), len(source.runs), view.sort, source.clock(), source.runs.ids)


def row_of(entry: Entry, names: dict[str, str]) -> RunRow:
    meta = entry.meta
    return RunRow(
        run=entry.run,
        name=names[entry.run.id],
        state=entry.state,
        created=meta.created or entry.status.started,
        status=entry.status,
        parent=meta.parent or "",
        change=describe_change(entry, names),
        words=clean(entry.words, SENTENCE),
    )


def best_first(row: RunRow) -> tuple[bool, float, str]:
    """Runs without a finite value come last."""
    best = row.status.best_val_loss
    known = best is not None and math.isfinite(best)
    return not known, best if best is not None and known else 0.0, row.run.id


def describe_change(entry: Entry, names: dict[str, str]) -> str:
    """What differs from the parent, or the last words of a run that ended badly."""
    changes = "  ".join(f"{change.key.rpartition('.')[2]} {brief(change.old)} → {brief(change.new)}" for change in entry.meta.changes)
    parent = entry.meta.parent
    if parent and not changes:
        changes = f"as {names.get(parent, parent)}"
    if at := FORKED_AT.match(entry.meta.parent_checkpoint):
        changes = f"from step {number(int(at[1]))}: {changes}"
    return "   ".join(filter(None, (clean(changes, SENTENCE), clean(entry.words, SENTENCE))))


def brief(value: object) -> str:
    """A value of a configuration as a person would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(value, ".6g") if value == 0 or 0.01 <= abs(value) < 1e6 else scientific(value, 4)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(brief, value))}]"
    return "none" if value is None else str(value)


def state_word(row: RunRow) -> str:
    """The state, and the place in line of a run that waits."""
    return f"queued {row.place}" if row.place else row.state


def waits_words(device: str, before: Sequence[str]) -> str:
    """Which runs a run in line waits for, and where: "quiet-heron and 2 more on cuda:0"; "" where it has its turn."""
    if not before:
        return ""
    first, *others = (clean(name, 60) for name in before)
    more = f" and {others[0]}" if len(others) == 1 else f" and {len(others)} more" if others else ""
    return f"{first}{more}{'' if device == ANY else f' on {clean(device, 20)}'}"


def line_words(place: int, waits_for: str) -> str:
    """2nd in line, behind quiet-heron on cuda:0."""
    return f"{ordinal(place)} in line, behind {waits_for}" if waits_for else "has its turn"


def ordinal(place: int) -> str:
    ending = "th" if place % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def lineage(rows: Iterable[RunRow]) -> list[RunRow]:
    """Trees: what came from a run below it, the oldest first; the family with the newest run first."""
    by_id = {row.run.id: row for row in sorted(rows, key=lambda row: (row.created, row.run.id))}
    children: dict[str, list[RunRow]] = {}
    roots: list[RunRow] = []
    for row in by_id.values():
        if row.parent in by_id and not _descends(row.parent, row.run.id, by_id):
            children.setdefault(row.parent, []).append(row)
        else:
            roots.append(row)
    families = [_tree(root, children) for root in roots]
    families.sort(key=lambda family: max((row.created, row.run.id) for row in family), reverse=True)
    return [row for family in families for row in family]


def _descends(run: str, ancestor: str, by_id: Mapping[str, RunRow]) -> bool:
    """Whether the parents of `run` lead to `ancestor`, as they do where runs name each other."""
    seen: set[str] = set()
    while run in by_id and run not in seen:
        if run == ancestor:
            return True
        seen.add(run)
        run = by_id[run].parent
    return run in seen and ancestor == min(seen)


def _tree(root: RunRow, children: Mapping[str, Sequence[RunRow]]) -> list[RunRow]:
    """A run and all that came from it, each with what is drawn before its name."""
    found: list[RunRow] = []
    waiting = [(root, "", "")]
    while waiting:
        row, before, below = waiting.pop()
        found.append(replace(row, branch=before if len(before) <= DEEPEST else f"…{before[1 - DEEPEST:]}"))
        own = children.get(row.run.id, ())
        for index in range(len(own) - 1, -1, -1):
            last = index == len(own) - 1
            waiting.append((own[index], f"{below}{'└' if last else '├'}", f"{below}{' ' if last else '│'} "))
    return found


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
