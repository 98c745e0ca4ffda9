"""The speed test: which settings make this model's training step fastest on this machine."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Times optimizer steps with one setting changed at a time, each measurement in a
process of its own and all of them in turns, so that another load meets all
alike. The fastest setting is kept, and the others are tried again on top of it,
until none is faster. Tried are, where they apply to model and device,

  compile        torch.compile
  channels_last  channels-last memory format, of models with convolutions
  precision      fp32, bf16; on a GPU fp16
  tf32           TF32 matrix multiplications, on a GPU
  implementation fused kernels of the optimizer, or lists of tensors (foreach)
  threads        one, half of the cores, all cores; on a CPU
  workers        data loading processes, where the data are read by some

Beside each stands how far the mean loss of its first steps is from that of the
unchanged settings, which take the same batches; a setting that moves it by more
than speed.tolerance is not taken.

For a CONFIG, the steps start with initial weights; for a RUN, with the weights
of its newest checkpoint if it has one. CONFIG and RUN are not modified.

--json prints one object when the test has ended: id, name, path, state, error,
chosen (settings that differ from the configuration), speedup, samples_per_s,
base_samples_per_s and settings (changes, samples_per_s, speedup, loss_moved,
error); with --detach only id, name, path.

  gradtop speed configs/digits.toml
  gradtop speed last --settings threads,precision
  gradtop speed CONFIG --json | jq .chosen
"""

JOB = Job(
    name="speed",
    title="a speed test",
    label="speed",
    resumable=True,
    command=JobCommand(
        "find the settings that make a training step fastest",
        DETAILS,
        options={
            "settings": ("NAMES", "what to try (default: all that apply)"),
            "rounds": ("N", "measurements of each setting (default: 3)"),
            "seconds": ("S", "timed training in each measurement (default: 1)"),
        },
    ),
)
