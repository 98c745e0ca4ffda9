"""Having a run of a job write one of its results as a checkpoint of its own, which is used as any other."""

from __future__ import annotations

from typing import Any

from gradtop.trainer.launch.answers import request_answer
from gradtop.trainer.record import Run

LONGEST = 1800.0  # seconds


def write_result(run: Run, job: str, choice: str, *, server: bool = True) -> dict[str, Any]:
    """`checkpoint`, its path, and `note`, what it is; a process with PyTorch asks `measure` of the job's room to `write` the `choice`.

    Raises OSError with a sentence; nothing is left of a checkpoint that could not be written.
    """
    return request_answer("measure", {"job": job, "run": str(run.path), "question": {"write": choice}}, server=server, seconds=LONGEST)
