"""Training: the loop of `trainer.training`, from the first step, a checkpoint or another run's."""

from __future__ import annotations

from gradtop.trainer.job import Job

JOB = Job(name="train", title="a training", label="training", resumable=True, forkable=True, tunable=True)
