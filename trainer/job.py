"""How a kind of job is declared, and the jobs there are, found by their packages in `trainer/jobs`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gradtop.trainer.named_tuple import NamedTuple

if TYPE_CHECKING:
    from gradtop.trainer.record import Event, Run, RunReader, Status

DEFAULT_JOB = "train"
PROFILE = "profile"  # the job, and the command to a training to profile its next steps
JOBS = "gradtop.trainer.jobs"


def _nothing(_reader: RunReader) -> Iterable[tuple[str, str]]:
    return ()


def _no_record(_reader: RunReader) -> Mapping[str, object]:
    return {}


def _no_headline(_status: Status) -> str:
    return ""


def _no_announcement(_run: Run) -> str:
    return ""


class JobEvent(NamedTuple):
    """A kind of event that one job alone records: its fields besides time and kind, and how it is told.

    `describe` gives the sentence and its tone: text, muted, success, warning or error.
    """

    fields: tuple[str, ...]
    describe: Callable[[Event], tuple[str, str]]


class JobCommand(NamedTuple):
    """The command `gradtop NAME CONFIG|RUN [KEY=VALUE …]` that starts a job, by its `name`, else the job's with dashes.

    `summary` as it stands in `gradtop --help`; `details` is the end of the command's help; `options` are the fields of the job's
    section that are options, too, with metavar and help. With `takes_weights`, that of a RUN starts with its newest weights. With
    `needs_checkpoint` it takes a RUN alone, and works on the checkpoint that `--checkpoint` chooses. `write`, metavar and help, is
    the option that has a result written as a checkpoint: of a job that `writes_weights`.
    """

    summary: str
    details: str = ""
    options: Mapping[str, tuple[str, str]] = MappingProxyType({})
    takes_weights: bool = True
    needs_checkpoint: bool = False
    write: tuple[str, str] | None = None
    name: str = ""


class Result(NamedTuple):
    """How the result of a job is told: `RESULT` in the `result.py` of its room.

    `lines` gives (title, text) pairs for `gradtop show`, `record` the same as data for `show --json`, `headline` the result
    in a few words for lists; each "" or empty where there is nothing yet. `announcement` says of a run that was created what it will do,
    where that is much. `events` are those that the job alone records, by kind.
    """

    lines: Callable[[RunReader], Iterable[tuple[str, str]]] = _nothing
    record: Callable[[RunReader], Mapping[str, object]] = _no_record
    headline: Callable[[Status], str] = _no_headline
    events: Mapping[str, JobEvent] = MappingProxyType({})
    announcement: Callable[[Run], str] = _no_announcement


class Job(NamedTuple):
    """What commands and screens know of a kind of job.

    `title` as it stands in a sentence, with its article; `label` as it stands in a list. `resumable`, `forkable` and `tunable`
    say whether a run of it can be resumed, be forked from its checkpoints, and have hyperparameters changed while it runs. One that
    does not train goes on from its records. With `writes_weights` its run gets a checkpoint when somebody asks for it, of weights that
    it made of those of another run; they can be used as any others, and train where it is `forkable`.
    """

    name: str
    title: str
    label: str
    resumable: bool = False
    forkable: bool = False
    tunable: bool = False
    writes_weights: bool = False
    command: JobCommand | None = None

    @property
    def trains(self) -> bool:
        """Whether it writes checkpoints as it goes, from which it resumes."""
        return self.forkable and not self.writes_weights

    @property
    def has_weights(self) -> bool:
        """Whether its runs may have checkpoints, to evaluate, predict with or export."""
        return self.forkable or self.writes_weights

    @property
    def result(self) -> Result:
        """How its result is told; imported when it is first asked for."""
        return _result(self.name)


@cache
def job_names() -> tuple[str, ...]:
    """In alphabetical order."""
    from pkgutil import iter_modules

    return tuple(sorted(room.name for room in iter_modules(import_module(JOBS).__path__) if room.ispkg))


def find_job(name: str) -> Job:
    """The declaration of a job. One that this version does not know can do nothing but be shown."""
    if name not in job_names():
        return Job(name, f"a run of the unknown job {name!r}", name)
    job: Job = import_module(f"{JOBS}.{name}").JOB
    return job


@cache
def _result(name: str) -> Result:
    from importlib.util import find_spec  # for this alone: not where the first frame is waited for

    module = f"{JOBS}.{name}.result"
    if name not in job_names() or find_spec(module) is None:
        return Result()
    result: Result = import_module(module).RESULT
    return result


def find_measure(name: str) -> Callable[[Run, Mapping[str, Any]], Mapping[str, Any]]:
    """`measure` of a job's room, whose `measure.py` imports torch. Raises KeyError for an unknown job, ImportError for one that measures nothing."""
    if name not in job_names():
        raise KeyError(name)
    found: Callable[[Run, Mapping[str, Any]], Mapping[str, Any]] = import_module(f"{JOBS}.{name}.measure").measure
    return found


@cache
def job_events() -> Mapping[str, JobEvent]:
    """The events that one job alone records, by kind."""
    return {kind: event for name in job_names() for kind, event in find_job(name).result.events.items()}


@cache
def job_commands() -> Mapping[str, Job]:
    """The jobs that have a command, by its name."""
    jobs = (find_job(name) for name in job_names())
    return {job.command.name or job.name.replace("_", "-"): job for job in jobs if job.command is not None}
