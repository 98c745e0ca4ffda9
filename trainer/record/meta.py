"""meta.json: where a run came from; written by whoever started or renamed it, never by the worker."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradtop.trainer.record.events import plain
from gradtop.trainer.record.files import read_file, write_atomically
from gradtop.trainer.record.layout import Run

TEXTS = ("name", "job", "parent", "parent_checkpoint", "cwd", "host", "user", "git_commit")


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs from the parent's config."""

    key: str
    old: Any = None
    new: Any = None


@dataclass(frozen=True, slots=True)
class Meta:
    """`created` in unix seconds; `parent` a run's id and `parent_checkpoint` a file name in it, "" where there is none.

    `job` is what the run does, as run.toml says it. Without a parent, `changes` are those that the command line made to its file.
    """

    name: str = ""
    job: str = "train"
    created: float = 0.0
    parent: str = ""
    parent_checkpoint: str = ""
    changes: tuple[Change, ...] = ()
    command: tuple[str, ...] = ()
    cwd: str = ""
    host: str = ""
    user: str = ""
    git_commit: str = ""
    git_dirty: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)


def read_meta(run: Run) -> Meta:
    """What meta.json says; defaults where it is missing or broken, or a field is."""
    try:
        found = json.loads(read_file(run.meta))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        found = {}
    values: dict[str, Any] = {name: found[name] for name in TEXTS if isinstance(found.get(name), str)}
    values["name"] = values.get("name") or run.id.split("-", 2)[-1]
    created, versions, changes, command = (found.get(name) for name in ("created", "versions", "changes", "command"))
    if isinstance(created, int | float) and not isinstance(created, bool) and math.isfinite(created):
        values["created"] = float(created)
    if isinstance(versions, dict):
        values["versions"] = {name: str(version) for name, version in versions.items()}
    if isinstance(changes, list):
        each = [change for change in changes if isinstance(change, dict)]
        values["changes"] = tuple(Change(str(c.get("key", "")), c.get("old"), c.get("new")) for c in each)
    if isinstance(command, list | str):
        values["command"] = (command,) if isinstance(command, str) else tuple(str(word) for word in command)
    return Meta(**values, git_dirty=found.get("git_dirty") is True)


def is_fork(run: Run) -> bool:
    """Whether the run begins at a checkpoint of another one, which must then be read: it never trains from the beginning."""
    return os.path.lexists(run.origin) or bool(read_meta(run).parent_checkpoint)


def write_meta(run: Run, meta: Meta) -> None:
    """Replace meta.json; raises OSError."""
    write_atomically(run.meta, json.dumps(plain(dataclasses.asdict(meta)), indent=1))
