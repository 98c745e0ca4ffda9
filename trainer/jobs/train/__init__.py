"""Training: the loop of `trainer.training`, from the first step, a checkpoint or another run's."""

from __future__ import annotations

from gradtop.trainer.jobs import Job

JOB = Job(
    name="train",
    title="a training",
    streams=("steps", "evals", "plan", "layers", "histograms", "system"),
    resumable=True,
    forkable=True,
    tunable=True,
)
