"""Training: the loop of `trainer.training`, from the first step, a checkpoint or another run's."""

from __future__ import annotations

from gradtop.trainer.job import Job
from gradtop.trainer.record.streams.registry import written_by

JOB = Job(
    name="train",
    title="a training",
    label="training",
    streams=written_by("train"),
    resumable=True,
    forkable=True,
    tunable=True,
)
