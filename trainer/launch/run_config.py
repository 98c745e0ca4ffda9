"""The configuration that a run has now, and what a new one of it changes. Needs pydantic."""

from __future__ import annotations

from collections.abc import Sequence

from gradtop.trainer.config import Change, Config, apply_overrides, diff_config, load_config
from gradtop.trainer.config.load import to_toml
from gradtop.trainer.config.validate import validate
from gradtop.trainer.record import Run, effective, read_status


def effective_config(run: Run) -> Config:
    """run.toml with what was changed live since. Raises ConfigProblems."""
    config = load_config(run.config)
    changes = read_status(run).changes
    return validate(effective(to_toml(config), changes), str(run.config)) if changes else config


def changed_config(run: Run, words: Sequence[str], *, job: str = "") -> tuple[Config, Config, list[Change]]:
    """The run's configuration, the same with `key=value` words (and for another job), and what differs. Raises ConfigProblems."""
    old = effective_config(run)
    new = apply_overrides(old, words, job=job)
    return old, new, diff_config(old, new)
