"""The search for a batch size: the largest that fits into memory, the smallest that is fast, and how large is useful."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Trains a few steps at each batch size, doubled until memory does not suffice,
then bisected; each size in a process of its own, whose end by the kernel is a
result too. Reports

  largest      the largest batch size that trains and evaluates, and the
               estimate from two small sizes: fixed + per sample x size
  fast enough  the smallest size that reaches 90 % of the highest samples/s
  noise scale  the simple gradient noise scale (McCandlish et al., 2018): far
               below it, a larger batch saves steps almost in proportion; far
               above it, it saves none

For a CONFIG, the steps start with initial weights; for a RUN, with the weights
of its newest checkpoint if it has one. CONFIG and RUN are not modified. On a
CPU, memory is that of the process; on a GPU, that of PyTorch's allocator.

--json prints one object when the search has ended: id, name, path, state,
error, largest, limited_by, estimate, fast_enough, noise_scale, noise_samples,
memory_per_sample, memory_fixed, memory_free and sizes (batch_size, memory,
samples_per_s; null where it does not fit); with --detach only id, name, path.

  gradtop batch-size configs/digits.toml
  gradtop batch-size last --largest 4096
  gradtop batch-size RUN training.precision=bf16 --json | jq .largest
"""

JOB = Job(
    name="batch_size",
    title="a batch-size search",
    label="batch size",
    resumable=True,
    command=JobCommand(
        "find the largest, the fastest and a useful batch size",
        DETAILS,
        options={
            "smallest": ("N", "batch size of the first measurement (default: 8)"),
            "largest": ("N", "do not try larger ones (default: all training samples)"),
            "memory": ("SHARE", "share of the free memory that may be used (default: 0.9)"),
            "steps": ("N", "timed steps at each size (default: 8)"),
        },
    ),
)
