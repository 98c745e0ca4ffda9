"""What a run can be forked from, and what stands against it; told before anything is started."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.config import Change, Config, diff_config
from gradtop.trainer.config.fork_preview import same_epochs, steps_per_epoch
from gradtop.trainer.home import at_home
from gradtop.trainer.job import DEFAULT_JOB, Job, find_job
from gradtop.trainer.record import (
    CheckpointInfo,
    RecordError,
    Run,
    RunReader,
    RunState,
    clean,
    is_fork,
    read_meta,
    read_status,
)
from gradtop.trainer.record.bounds import Unreadable
from gradtop.trainer.record.checkpoints import checkpoints_of_run, read_checkpoint
from gradtop.trainer.record.typed import typed

_STEP = re.compile(r"(?:step-?)?0*(\d+)(?:\.pt)?")


def checkpoints_of(run: Run) -> list[CheckpointInfo]:
    """What can be used of a run, in order of steps: its checkpoints; of a training without any the one that it was forked from."""
    reader = RunReader(run)
    return reader.checkpoints() if find_job(read_meta(run).job).writes_weights else reader.forkable()


def usual_checkpoint(run: Run) -> str:
    """What is used where nobody says: `best`, `last` where no checkpoint was evaluated."""
    return "best" if any(each.best for each in checkpoints_of(run)) else "last"


def find_checkpoint(run: Run, wanted: str = "last") -> CheckpointInfo:
    """The checkpoint that `last`, `best`, a step or a file means; a fork that has none yet has the one it began at.

    Raises RecordError with what there is instead.
    """
    found = checkpoints_of(run)
    if wanted == "last" and found:
        return found[-1]
    if wanted == "best" and (best := [one for one in found if one.best]):
        return best[-1]
    if (match := _STEP.fullmatch(wanted)) and (exact := [one for one in found if one.step == int(match[1])]):
        return exact[0]
    path = at_home(wanted)
    if path.is_file():
        return read_checkpoint(path.with_suffix(".json"), path.absolute()) or CheckpointInfo(0, 0, path=path.absolute())
    if not found and (why := _closed(run)):
        raise RecordError(f"{run.id}: {why}.")
    if not found and (files := sorted(run.checkpoints.glob("step-*.pt"))):
        raise RecordError(f"{run.id} has checkpoints, and none of the JSON files beside them can be read. Name one, such as {files[-1]}.")
    if not found and (status := read_status(run)).state is RunState.FAILED and status.step == 0:
        raise RecordError(f"{run.id} failed before it had a checkpoint: {clean(status.error, 400)}")
    if not found:
        raise RecordError(f"{run.id} {how_to_have_one(run)}")
    there = ", ".join(str(one.step) for one in found)
    raise RecordError(f"{run.id} has no checkpoint {wanted!r}. Use last, best, the path of a file, or one of the steps {there}.")


def why_no_float_weights(job: Job, name: str) -> str:
    """Why the run `name` of this job has no checkpoint that pruning or quantization may begin with; "" where it may have one."""
    if not job.has_weights:
        return f"{name} is {job.title}, which leaves no checkpoint; name a run that trained"
    return "" if job.forkable else f"{name} is {job.title}, whose checkpoint holds integers; name the run that trained instead"


def _closed(run: Run) -> str:
    """Why the folder of checkpoints cannot be read; "" where it can."""
    try:
        checkpoints_of_run(run)
    except Unreadable as error:
        return str(error)
    return ""


def how_to_have_one(run: Run) -> str:
    """That a run has no checkpoint, and the command that gives it one; of one that has ended without, that starts it again."""
    job = find_job(read_meta(run).job)
    if job.command is not None and job.command.write is not None:
        return f"has no checkpoint yet. Write one: gradtop {job.command.name or job.name} {typed(run)} --write {job.command.write[0]}"
    if read_status(run).state.has_ended:
        return f"has ended and has no checkpoint. Start it again: gradtop rerun {typed(run)}"
    return f"has no checkpoint yet. Write one: gradtop checkpoint {typed(run)}"


def newest_weights(run: Run, changes: Sequence[Change]) -> tuple[Path | None, str]:
    """The newest checkpoint of a run, for a test that starts with its weights; else None and why it starts with initial ones."""
    job = find_job(read_meta(run).job)
    if job.writes_weights and not job.forkable:
        return None, f"{run.id} is {job.title}, whose checkpoint holds integers, which do not train on"
    found = checkpoints_of(run)
    if not found:
        return None, f"{run.id} has no checkpoint"
    if anew := [change.key for change in changes if change.effect == "restart"]:
        return None, f"{', '.join(anew)} {'changes' if len(anew) == 1 else 'change'} what training starts from"
    return found[-1].path, ""


def rerun_weights(run: Run, config: Config) -> Path | None:
    """The checkpoint with which a run of that configuration starts again: a training starts from the beginning."""
    return run.origin if config.job != DEFAULT_JOB and is_fork(run) else None


def fork_problems(old: Config, new: Config, checkpoint: CheckpointInfo) -> list[str]:
    """Why a fork of a run of the configuration `old` cannot train as `new` from there; a sentence each, [] where it can."""
    problems = []
    anew = [change.key for change in diff_config(old, new) if change.effect == "restart"]
    if anew:
        takes = "these change" if len(anew) > 1 else "this changes"
        problems.append(f"{', '.join(anew)}: {takes} what training starts from, and requires a restart")
    if not new.training.steps:
        # An epoch that was begun counts where the epochs of both have as many steps; whole ones count always.
        if checkpoint.epoch >= new.training.epochs:
            problems.append(
                f"training.epochs is {new.training.epochs}, and the checkpoint of step {checkpoint.step} has {checkpoint.epoch} behind it: "
                "nothing is left to train; give more epochs"
            )
        return problems
    per_epoch = steps_per_epoch(new)
    done = checkpoint.step if same_epochs(old, new) else checkpoint.epoch * per_epoch if per_epoch else 0
    if done >= new.training.steps:
        problems.append(
            f"training.steps is {new.training.steps}, and the checkpoint has {done} behind it: nothing is left to train; give more steps"
        )
    return problems
