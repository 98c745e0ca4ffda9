"""meta.json: the origin of a run, and what people say of it; written when somebody starts, renames or labels the run, never by the worker."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import bounds
from gradtop.trainer.record.events import plain
from gradtop.trainer.record.layout import META, Run
from gradtop.trainer.record.writing import write_atomically

MOST_CHANGES = 1000
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 40, 2000


class RecordedChange(NamedTuple):
    """One key that differs from the parent's config."""

    key: str
    old: Any = None
    new: Any = None


class Meta(NamedTuple):
    """`created` in unix seconds; `parent` a run's id and `parent_checkpoint` a file name in it, "" where there is none.

    `search` is the id of the search that it is a trial of, "" for other runs, and `trial` its number there; `most_threads` its share
    of the cores, beyond which `training.threads` = 0 does not go, 0 where it has all. `job` is the job of run.toml. `changes` are the differences from the parent's configuration; without a parent, the overrides of the
    command line. `tags`, `note` and `pinned` (on top of lists) are set by `label_run`; no run inherits them.
    """

    name: str = ""
    job: str = "train"
    search: str = ""
    trial: int = 0
    most_threads: int = 0
    created: float = 0.0
    parent: str = ""
    parent_checkpoint: str = ""
    changes: tuple[RecordedChange, ...] = ()
    command: tuple[str, ...] = ()
    cwd: str = ""
    host: str = ""
    user: str = ""
    git_commit: str = ""
    git_dirty: bool = False
    versions: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    note: str = ""
    pinned: bool = False

    def record(self) -> dict[str, object]:
        """The metadata as a JSON object."""
        return {**self._asdict(), "changes": [change._asdict() for change in self.changes]}


def read_meta(run: Run) -> Meta:
    """The metadata; defaults for missing or invalid fields, or if meta.json is missing or invalid."""
    return examine_meta(run)[0]


def examine_meta(run: Run) -> tuple[Meta, str]:
    """The metadata as in `read_meta`, and why it cannot be read: "" where it can."""
    return examine_seen_meta(run)[:2]


def examine_seen_meta(run: Run) -> tuple[Meta, str, os.stat_result | None]:
    """As `examine_meta`, and the stat of the file from before it was read; None where it cannot be read."""
    try:
        found, seen = bounds.read_seen_note(run.file(META))
    except bounds.Unreadable as error:
        return Meta(name=name_of_id(run.id)), str(error), None
    meta = MAKE(found)
    return meta if meta.name else meta._replace(name=name_of_id(run.id)), "", seen


def name_of_id(identity: str) -> str:
    """The name of a run without one in its metadata, from its id."""
    return identity.split("-", 2)[-1]


def _changes(found: object) -> tuple[RecordedChange, ...] | None:
    if not isinstance(found, list):
        return None
    each = [bounds.bounded(change) for change in found[:MOST_CHANGES] if isinstance(change, dict)]
    return tuple([RecordedChange(bounds.name(str(change.get("key", ""))) or "", change.get("old"), change.get("new")) for change in each])


def _tags(found: object) -> tuple[str, ...] | None:
    return tuple([tag[:LONGEST_TAG] for tag in bounds.texts(found[:MOST_TAGS]) or ()]) if isinstance(found, list) else None


def _note(found: object) -> str | None:
    return bounds.text(found, LONGEST_NOTE)


READS = bounds.reads_of(Meta, name=bounds.name, job=bounds.name, search=bounds.file_name, parent=bounds.file_name, parent_checkpoint=bounds.file_name, changes=_changes, tags=_tags, note=_note)
MAKE = bounds.Maker(Meta, READS)


def is_fork(run: Run) -> bool:
    """Whether the run starts from a checkpoint of another run; without that checkpoint it must not train."""
    return os.path.lexists(run.origin) or bool(read_meta(run).parent_checkpoint)


def write_meta(run: Run, meta: Meta) -> None:
    """Replace meta.json. Raises OSError."""
    write_atomically(run.path, run.meta, json.dumps(plain(meta.record()), indent=1))


def change_meta(run: Run, **values: object) -> None:
    """Replace fields of meta.json and keep all others as they are. Raises OSError, and Unreadable for a file that would be lost."""
    found: dict[str, object] = {}
    if os.path.lexists(run.file(META)):
        found = bounds.read_note(run.file(META))
    write_atomically(run.path, run.meta, json.dumps({**found, **values}, indent=1))
