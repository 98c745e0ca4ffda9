"""meta.json: where a run came from; written by whoever started or renamed it, never by the worker."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainer.record.events import plain
from trainer.record.layout import Run, write_atomically


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs from the parent's config."""

    key: str
    old: Any = None
    new: Any = None


@dataclass(frozen=True, slots=True)
class Meta:
    """`created` in unix seconds; `parent` a run's id and `parent_checkpoint` a file name in it, "" where there is none."""

    name: str = ""
    created: float = 0.0
    parent: str = ""
    parent_checkpoint: str = ""
    changes: tuple[Change, ...] = ()
    command: str = ""
    cwd: str = ""
    host: str = ""
    user: str = ""
    git_commit: str = ""
    git_dirty: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)


def read_meta(run: Run) -> Meta:
    """What meta.json says; defaults where it is missing or broken."""
    try:
        found = json.loads(run.meta.read_bytes())
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        found = {}
    values: dict[str, Any] = {}
    for name, default in (("name", ""), ("parent", ""), ("parent_checkpoint", ""), ("command", ""), ("cwd", ""), ("host", ""), ("user", ""), ("git_commit", "")):
        values[name] = found[name] if isinstance(found.get(name), str) else default
    created = found.get("created")
    values["created"] = float(created) if isinstance(created, int | float) and not isinstance(created, bool) else 0.0
    values["git_dirty"] = found.get("git_dirty") is True
    versions = found.get("versions")
    values["versions"] = {str(k): str(v) for k, v in versions.items()} if isinstance(versions, dict) else {}
    changes = found.get("changes")
    values["changes"] = tuple(
        Change(str(each.get("key", "")), each.get("old"), each.get("new")) for each in (changes if isinstance(changes, list) else []) if isinstance(each, dict)
    )
    values["name"] = values["name"] or (run.id.split("-", 2) + ["", ""])[2] or run.id
    return Meta(**values)


def write_meta(run: Run, meta: Meta) -> None:
    """Replace meta.json; raises OSError."""
    write_atomically(run.meta, json.dumps(plain(dataclasses.asdict(meta)), indent=1))
