"""The jobs that there are, found by their rooms in `trainer/jobs`, and the section that each adds to the configuration."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from gradtop.trainer.declare import Section

DEFAULT_JOB = "train"
_PACKAGE = "gradtop.trainer.jobs"
_ROOMS = Path(__file__).parents[1] / "jobs"


@cache
def job_names() -> tuple[str, ...]:
    """In alphabetical order."""
    return tuple(sorted(room.name for room in pkgutil.iter_modules([str(_ROOMS)]) if room.ispkg))


@cache
def settings_of(job: str) -> type[Section] | None:
    """The declaration of a job's own section, `Settings` in the `config.py` of its room; None where it has none."""
    module = f"{_PACKAGE}.{job}.config"
    if job not in job_names() or find_spec(module) is None:
        return None
    settings: type[Section] = import_module(module).Settings
    return settings
