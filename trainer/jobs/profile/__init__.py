"""The profile of a training step of a configuration: which operators, modules and phases take its time."""

from __future__ import annotations

from gradtop.trainer.job import Job, JobCommand

DETAILS = """\
Records steps with torch.profiler: operators and modules by time and memory, and
the time of a step in loading, forward, backward, optimizer and monitoring; says
how much longer the profiled steps took. A Chrome trace is kept beside it, for
https://ui.perfetto.dev.

A RUN that trains is profiled as it runs: its worker records the next N steps
and goes on; weights and results stay the same. For a CONFIG, or a RUN that has
ended, a run of its own takes the steps, with the weights of the newest
checkpoint of the RUN if it has one; CONFIG and RUN are not modified.

The newest 10 profiles of a run are kept, in its directory, in profiles/.

--json prints one object: id, name, path, state, error, summary and trace (paths
of the files) and profile (see gradtop help json); with --detach only id, name,
path, and of a running RUN steps, first, last (the steps to be profiled).

  gradtop profile last
  gradtop profile configs/digits.toml --steps 20
  gradtop profile last --json | jq '.profile.operators[:5]'
"""

JOB = Job(
    name="profile",
    title="a profile",
    label="profile",
    resumable=True,
    command=JobCommand(
        "profile training steps with torch.profiler",
        DETAILS,
        options={"steps": ("N", "steps to record, at most 50 (default: 10)")},
    ),
)
