"""What a run can do: one room, a package of this folder, for each kind of job.

A room NAME holds

- `__init__.py`: `JOB`, a `Job` that declares what commands and screens must know; imports the standard library and `trainer.record` alone
- `config.py`, where the job has settings: `Settings`, the section `[NAME]` of run.toml; imports no torch
- `work.py`: `start(context)`, called in the worker with a `gradtop.trainer.runtime.context.RunContext`

A job that has a view of its own brings a room of the same name in `tui/screens`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from gradtop.trainer.record import RunReader, Status

DEFAULT_JOB = "train"


def _nothing(_reader: RunReader) -> Iterable[tuple[str, str]]:
    return ()


def _no_record(_reader: RunReader) -> Mapping[str, object]:
    return {}


def _no_headline(_status: Status) -> str:
    return ""


@dataclass(frozen=True)
class Job:
    """What commands and screens know of a kind of job.

    `title` as it stands in a sentence, with its article; `label` as it stands in a list. `streams` are those that it writes; a screen that reads none of
    them has nothing to show of it. `resumable`, `forkable` and `tunable` say whether a run of it can be resumed, be forked
    from its checkpoints, and have hyperparameters changed while it runs.

    `lines` gives (title, text) pairs for `gradtop show`, `record` the same as data for `show --json`, `headline` the result
    in a few words for lists; each "" or empty where there is nothing yet.
    """

    name: str
    title: str
    label: str
    streams: tuple[str, ...]
    resumable: bool = False
    forkable: bool = False
    tunable: bool = False
    lines: Callable[[RunReader], Iterable[tuple[str, str]]] = _nothing
    record: Callable[[RunReader], Mapping[str, object]] = _no_record
    headline: Callable[[Status], str] = _no_headline


@cache
def job_names() -> tuple[str, ...]:
    """In alphabetical order."""
    return tuple(sorted(room.name for room in pkgutil.iter_modules(__path__) if room.ispkg))


def find_job(name: str) -> Job:
    """The declaration of a job. One that this version does not know can do nothing but be shown."""
    if name not in job_names():
        return Job(name, f"a run of the unknown job {name!r}", name, ())
    job: Job = import_module(f"{__name__}.{name}").JOB
    return job
