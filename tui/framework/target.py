"""The run that a command is meant for, and what can be done with it."""

from __future__ import annotations

from gradtop.trainer.job import DEFAULT_JOB, find_job
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Run, RunState

IN_RUN, NEW_RUN = "in the run", "in a new run"
RESUMABLE = frozenset({RunState.STOPPED, RunState.FAILED, RunState.DIED})


class Target(NamedTuple):
    """The run that a command is meant for; `resumable` says whether it can be resumed now."""

    run: Run
    name: str
    state: RunState
    job: str
    resumable: bool = False


def is_resumable(state: RunState, job: str, step: int) -> bool:
    """Whether a run ended before its time and can go on; one that did not begin can always be started again."""
    return state in RESUMABLE and (find_job(job).resumable or not step)


def way_to_profile(target: Target) -> str:
    """How its steps can be profiled now: in the run that goes on, in a new run, or not (""), as while it waits for its start."""
    if target.state.has_ended:
        return NEW_RUN
    return IN_RUN if target.job == DEFAULT_JOB and target.state in {RunState.TRAINING, RunState.PAUSED} else ""


def writes_checkpoints(target: Target) -> bool:
    return find_job(target.job).trains


def stop_consequence(target: Target) -> str:
    """What a stop does to the run."""
    if writes_checkpoints(target):
        return "It finishes the current step, writes a checkpoint and ends. It can be resumed from there."
    if find_job(target.job).resumable:
        return "It ends and keeps what it has measured so far. It can be resumed from there."
    return "It ends after the current step and keeps what it has found. It cannot be resumed."
