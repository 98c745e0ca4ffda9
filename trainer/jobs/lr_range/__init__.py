"""The learning-rate range test: the loss while the learning rate grows from step to step (Smith, 2017), or weight decay or momentum."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Trains for --steps steps with a learning rate that grows exponentially from
--start to --end, and plots the smoothed loss over the learning rate (Smith,
2017). Ends early when the loss diverges. Suggests learning rates by the rules
of fastai's lr_find: valley, steepest, minimum/10 and slide. With --seeds N it
does so N times, and the median of each rule counts.

--over weight_decay or momentum raises that instead, at the configured learning
rate, and says where the loss is lowest before it rises, and a tenth of that.

For a CONFIG, the test starts from initialization; for a RUN, with the weights
of its newest checkpoint if it has one. The test is a separate run; CONFIG and
RUN are not modified.

--json prints one object when the test has ended: id, name, path, state, error,
over, suggestions (value by method), diverged_at (value or null), falls_at_end
and curve (lr, loss, smoothed, ranged and seed, as lists); with several seeds
also seeds (what each suggests) and spread (lowest and highest); with --detach
only id, name and path.

  gradtop lr-range configs/digits.toml
  gradtop lr-range configs/digits.toml --over weight_decay --seeds 3
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
            "over": ("KEY", "lr (default), weight_decay or momentum"),
            "start": ("VALUE", "value of the first step (default: 1e-7, 1e-6, 0.5)"),
            "end": ("VALUE", "value of the last step (default: 10, 10, 0.999)"),
            "steps": ("N", "optimizer steps of each seed (default: 100)"),
            "seeds": ("N", "repetitions with other seeds (default: 1)"),
        },
    ),
)
