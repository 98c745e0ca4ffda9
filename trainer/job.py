"""How a kind of job is declared, and the jobs there are, found by their packages in `trainer/jobs`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtop.trainer.record import RunReader, Status

DEFAULT_JOB = "train"
JOBS = "gradtop.trainer.jobs"


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
    return tuple(sorted(room.name for room in pkgutil.iter_modules([str(Path(__file__).with_name("jobs"))]) if room.ispkg))


def find_job(name: str) -> Job:
    """The declaration of a job. One that this version does not know can do nothing but be shown."""
    if name not in job_names():
        return Job(name, f"a run of the unknown job {name!r}", name, ())
    job: Job = import_module(f"{JOBS}.{name}").JOB
    return job
