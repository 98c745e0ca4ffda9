"""The learning-rate range test: the loss while the learning rate grows from step to step (Smith, 2017)."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Trains for --steps steps with a learning rate that grows exponentially from
--start to --end, and plots the smoothed loss over the learning rate (Smith,
2017). Ends early when the loss diverges. Suggests learning rates by the rules
of fastai's lr_find: valley, steepest, minimum/10 and slide.

For a CONFIG, the test starts from initialization; for a RUN, with the weights
of its newest checkpoint if it has one. The test is a separate run; CONFIG and
RUN are not modified.

--json prints one object when the test has ended: id, name, path, state, error,
suggestions (learning rate by method), diverged_at (learning rate or null) and
curve (lr, loss and smoothed, as lists); with --detach only id, name and path.

  gradtop lr-range configs/digits.toml
  gradtop lr-range last --start 1e-6 --end 1 --steps 200
  gradtop lr-range RUN optimizer.kind=sgd --json | jq .suggestions
"""

JOB = Job(
    name="lr_range",
    title="a learning-rate range test",
    label="lr range test",
    command=JobCommand(
        "run a learning-rate range test",
        DETAILS,
        options={
            "start": ("LR", "learning rate of the first step (default: 1e-7)"),
            "end": ("LR", "learning rate of the last step (default: 10)"),
            "steps": ("N", "optimizer steps (default: 100)"),
        },
    ),
)
