"""The configuration that a run has now, and what a new one of it changes. Needs pydantic."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.config import Change, Config, apply_overrides, diff_config
from trainer.config.validate import validate
from trainer.record import Run, read_status
from trainer.record.run_reader import read_config
from tui.parts.effective import effective


def effective_config(run: Run) -> Config:
    """run.toml with what was changed live since. Raises ConfigProblems, or OSError where there is no run.toml."""
    run.config.stat()
    return validate(effective(read_config(run), read_status(run).changes), str(run.config))


def changed_config(run: Run, words: Sequence[str]) -> tuple[Config, Config, list[Change]]:
    """The run's configuration, the same with `key=value` words, and what differs. Raises ConfigProblems or OSError."""
    old = effective_config(run)
    new = apply_overrides(old, words)
    return old, new, diff_config(old, new)
