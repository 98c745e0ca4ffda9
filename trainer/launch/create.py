"""Making a run: its whole configuration, and where it came from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from trainer.config import Config, dump_config
from trainer.launch.origin import CodeState, current_directory, user_name, versions
from trainer.record import Run, new_run, this_host


class Changed(Protocol):
    """A key that differs from the parent's, as `trainer.config.diff_config` and `trainer.record.Meta` have it."""

    @property
    def key(self) -> str: ...

    @property
    def old(self) -> Any: ...

    @property
    def new(self) -> Any: ...


def create_run(
    runs: Path,
    config: Config,
    *,
    name: str | None = None,
    parent: Run | None = None,
    changes: Sequence[Changed] = (),
    command: Sequence[str] = (),
) -> Run:
    """Make the directory of a new run that no worker trains yet. Raises RecordError where it cannot be made."""
    code = CodeState()  # git works while the rest is looked up
    meta = {
        "created": time.time(),
        "parent": parent.id if parent is not None else "",
        "changes": [{"key": change.key, "old": change.old, "new": change.new} for change in changes],
        "command": list(command),
        "cwd": current_directory(),
        "host": this_host()[0],
        "user": user_name(),
        "versions": versions(),
    }
    text = dump_config(config)
    meta["git_commit"], meta["git_dirty"] = code.read()
    return new_run(runs, text, meta, name=name)
