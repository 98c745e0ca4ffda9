"""A run in the index of a runs directory, and its row: what a list shows of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from gradtop.trainer.analysis.formatting import changed_values, number, setting_text
from gradtop.trainer.analysis.look_up import NOT_LOOKED, Looked
from gradtop.trainer.analysis.text import stopped_early_text
from gradtop.trainer.job import DEFAULT_JOB, find_job
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Meta, RecordedChange, Run, RunState, Status, clean
from gradtop.trainer.record.log import last_log_lines

MOST = 20  # changes that are described
NEVER, CHANGED = (-1, -1), (-3, -3)  # marks of a run that was never looked at, and of one that must be
SENTENCE = 300  # characters of what was changed, and of the last words
DEEPEST = 9  # cells of branches before a name
FORKED_AT = re.compile(r"step-0*(\d{1,18})\.pt$")


class RunRow(NamedTuple):
    """One line of the list; `branch` is what is drawn before the name ("├", "│ └" or ""); `change` ends with the last `words`, if any: why it failed,
    died or ended early, or what troubles it.

    `place` is that in the line of those that wait for the same device, counted from 1; 0 for a run that does not wait.
    `waits_for` says what it waits for: "quiet-heron on cuda:0". `unreadable` says which of its files cannot be read, and why.
    `search` has name and id of the search that it is a trial of. `values` has what was looked up for a column, an order or a filter (see `run_fields`).
    """

    run: Run
    name: str
    state: RunState
    created: float
    status: Status
    parent: str
    change: str
    job: str = "train"
    search: str = ""
    branch: str = ""
    words: str = ""
    place: int = 0
    waits_for: str = ""
    changes: tuple[RecordedChange, ...] = ()
    unreadable: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    pinned: bool = False
    values: Mapping[str, object] = {}


@dataclass(slots=True)
class IndexedRun:
    """What the index knows of a run, and the row made of it, until something changes."""

    run: Run
    marks: tuple[int, int] = NEVER
    meta: Meta = Meta()
    status: Status = Status()
    newest: Status | None = None  # of a run that died, with what it has recorded since its status
    state: RunState = RunState.UNKNOWN
    beat: float = 0.0  # when its newest heartbeat was first seen here, by the monotonic clock
    moves: bool = False  # whether a heartbeat was seen to follow another
    death: str = ""  # how its worker died, as far as that is known
    words: str = ""
    problems: tuple[str, str] = ("", "")  # of status.json and meta.json
    asked: str = ""
    family: tuple[str, str] = ("", "")  # the branch before its name, and the name of its parent
    looked: Looked = NOT_LOOKED
    row: RunRow | None = None

    @property
    def is_known(self) -> bool:
        """Whether it was looked at."""
        return self.marks != NEVER


def last_words(entry: IndexedRun) -> str:
    """What went wrong with a run, or troubles it now, in a sentence."""
    if any(entry.problems):
        # Why it ended first: what is left of a deleted run has no other files.
        return "; ".join(filter(None, (entry.status.error, *entry.problems)))
    if entry.status.error or entry.state is not RunState.DIED:
        trouble = entry.status.warning if entry.state.is_alive else ""
        return entry.status.error or trouble or stopped_early_text(entry.status)
    return entry.death or " ".join(last_log_lines(entry.run, 1))


def row_of(entry: IndexedRun, names: dict[str, str]) -> RunRow:
    meta = entry.meta
    return RunRow(
        run=entry.run,
        name=names[entry.run.id],
        state=entry.state,
        created=created(entry),
        status=entry.newest or entry.status,
        parent=meta.parent or "",
        change=describe_change(entry, names),
        job=meta.job,
        search=f"{names.get(meta.search, '')} {meta.search}" if meta.search else "",
        branch=entry.family[0],
        words=clean(entry.words, SENTENCE),
        changes=meta.changes,
        unreadable="; ".join(filter(None, entry.problems)),
        tags=meta.tags,
        note=meta.note,
        pinned=meta.pinned,
        values=entry.looked.values,
    )


def created(entry: IndexedRun) -> float:
    return entry.meta.created or entry.status.started


def shortened(before: str) -> str:
    return before if len(before) <= DEEPEST else f"…{before[1 - DEEPEST :]}"


def describe_change(entry: IndexedRun, names: dict[str, str]) -> str:
    """What differs from the parent, or the last words of a run that ended badly; first the job, where it is no training, and its result."""
    changed = (each for change in entry.meta.changes[:MOST] for each in changed_values(change.key, change.old, change.new))
    changes = "  ".join([f"{key.rpartition('.')[2]} {setting_text(old)} → {setting_text(new)}" for key, old, new in islice(changed, MOST)])
    parent = entry.meta.parent
    if parent and not changes:
        changes = f"as {names.get(parent, parent)}"
    if at := FORKED_AT.match(entry.meta.parent_checkpoint):
        changes = f"from step {number(int(at[1]))}: {changes}"
    job = ""
    if entry.meta.job != DEFAULT_JOB:
        known = find_job(entry.meta.job)
        job = clean("  ".join(filter(None, (known.label, known.result.headline(entry.status)))), SENTENCE)
    return "   ".join(filter(None, (job, clean(changes, SENTENCE), clean(entry.words, SENTENCE))))


def haystack(row: RunRow) -> str:
    return f"{row.name} {row.run.id} {row.state} {row.change} {row.status.model} {' '.join(row.tags)} {row.note}".casefold()
