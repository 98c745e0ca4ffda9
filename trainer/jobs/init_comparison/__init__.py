"""The comparison of initializations: what the weights, activations, gradients and first losses are with each."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Initializes the model in several ways and trains a few steps from each, with the
same seeds and the same batches, each in a process of its own. Reports

  loss         mean over the last fifth of the steps, and its 95 % confidence
               interval over the seeds (Student's t)
  activations  standard deviation of what each layer puts out at the first step,
               the last layer's over the first one's
  gradients    root mean square of each weight's gradient at the first step, the
               first layer's over the last one's
  best         the initialization with the lowest loss, and those that cannot be
               told apart from it (Welch's t-test, 5 %)

Both ratios are 1 where the scale is preserved, less where it vanishes, more
where it explodes. Learning rate, schedule, batch size and all else are those of
the configuration; so are the settings of its own init.kind (such as init.std).
Kinds are default (what the model does itself), xavier_uniform, xavier_normal,
kaiming_uniform, kaiming_normal, normal, orthogonal and zeros. init.pretrained
is left out. CONFIG and RUN are not modified.

--json prints one object when the comparison has ended: id, name, path, state,
error, best, indistinguishable and inits (init, loss, half_width, first_loss,
seeds, activation_ratio, gradient_ratio, p, remarks, and as means over the seeds
losses and weights); with --detach only id, name, path.

  gradtop init configs/digits.toml
  gradtop init last --kinds default,kaiming_normal,orthogonal --seeds 10
  gradtop init CONFIG init.kind=normal init.std=0.1 --json | jq .best
"""

JOB = Job(
    name="init_comparison",
    title="a comparison of initializations",
    label="init",
    resumable=True,
    command=JobCommand(
        "compare initializations of the weights by their first steps",
        DETAILS,
        options={
            "kinds": ("NAMES", "initializations (default: xavier_uniform, kaiming_normal, normal, zeros)"),
            "seeds": ("N", "seeds of each initialization (default: 5)"),
            "steps": ("N", "optimizer steps of each (default: 50)"),
        },
        takes_weights=False,
        name="init",
    ),
)
