"""The section that each job adds to the configuration."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from gradtop.trainer.declare import Section
from gradtop.trainer.job import JOBS, job_names


@cache
def settings_of(job: str) -> type[Section] | None:
    """The declaration of a job's own section, `Settings` in the `config.py` of its room; None where it has none."""
    module = f"{JOBS}.{job}.config"
    if job not in job_names() or find_spec(module) is None:
        return None
    settings: type[Section] = import_module(module).Settings
    return settings
