"""What a run can do: one room, a package of this folder, for each kind of job. `trainer.job` finds them.

A room NAME holds

- `__init__.py`: `JOB`, a `Job` that declares what commands and screens must know; imports next to nothing, as `gradtop --help` reads it
- `config.py`, where the job has settings: `Settings`, the section `[NAME]` of run.toml; imports no torch
- `work.py`: `start(context)`, called in the worker with a `gradtop.trainer.runtime.context.RunContext`

A job that has a view of its own brings a room of the same name in `tui/screens`.
"""
