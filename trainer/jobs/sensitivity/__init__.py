"""The sensitivity analysis: how much the metric depends on each hyperparameter, one at a time around a configuration."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Trains the configuration as it is (the base), then with each hyperparameter
changed to several values while all others stay, every one with the same seeds.
Each training is a run of its own (gradtop ls search:NAME). Reports

  deviation  largest minus smallest mean of training.monitor over the range, and
             its 95 % bootstrap interval over the seeds
  change     the largest mean difference from the base with the same seeds, with
             its interval, and the value at which it occurs
  best       the value with the best mean

and a grid of the means for each pair. Without --vary the ranges follow from the
configuration (learning rate / 10 to × 10, …); they are stated with the result.
Ranges are written as for `gradtop search`. Trainings that fail or diverge are
counted, and have no mean.

  gradtop sensitivity configs/digits_mlp.toml
  gradtop sensitivity last --vary "optimizer.lr=log(1e-4, 1e-2)" --seeds 5
  gradtop sensitivity last --pairs optimizer.lr,training.batch_size --points 3
"""

JOB = Job(
    name="sensitivity",
    title="a sensitivity analysis",
    label="sensitivity",
    resumable=True,
    command=JobCommand(
        "measure how much the metric depends on each hyperparameter",
        DETAILS,
        options={
            "points": ("N", "values of each range (default: 5)"),
            "seeds": ("N", "trainings with each value (default: 3)"),
            "workers": ("N", "trainings at the same time (default: 1)"),
        },
        takes_weights=False,
    ),
)
