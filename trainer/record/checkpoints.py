"""The checkpoints of a run, as their JSON files tell of them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradtop.trainer.record import bounds
from gradtop.trainer.record.checkpoint_file import of_weights
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.saved import CheckpointFacts


@dataclass(frozen=True)
class CheckpointInfo(CheckpointFacts):
    """Of a checkpoint that is there; `path` is its file of weights."""

    path: Path = field(kw_only=True)


READS = bounds.reads_of(CheckpointFacts)


def read_checkpoint(note: Path, weights: Path) -> CheckpointInfo | None:
    """The checkpoint of a JSON file; None if that is invalid."""
    try:
        values = bounds.fields(READS, of_weights(bounds.read_note(note), weights))
    except bounds.Unreadable:
        return None
    return CheckpointInfo(**{"epoch": 0, **values}, path=weights) if "step" in values else None


def checkpoints_of_run(run: Run) -> list[CheckpointInfo]:
    """In order of steps, with the best one marked, as `RunReader.checkpoints` says. Raises Unreadable if their folder may not be read."""
    try:
        names = os.listdir(run.checkpoints)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise bounds.unreadable(run.checkpoints, error.strerror or "error") from None
    there = set(names)
    found = []
    for name in names:
        weights = f"{name.removesuffix('.json')}.pt"
        if name.endswith(".json") and weights in there:
            info = read_checkpoint(run.checkpoints / name, run.checkpoints / weights)
            found += [info] if info is not None else []
    best = min((each for each in found if each.rank < math.inf), key=lambda each: (each.rank, each.step), default=None)
    return sorted([replace(each, best=each is best) for each in found], key=lambda each: each.step)


def origin_of_run(run: Run) -> list[CheckpointInfo]:
    """The checkpoint that a fork started from itself, which is in it until it has its own; [] where there is none."""
    if not os.path.isfile(run.origin):
        return []
    note = read_checkpoint(run.origin.with_suffix(".json"), run.origin)
    return [replace(note, best=False)] if note else [CheckpointInfo(0, 0, path=run.origin)]
