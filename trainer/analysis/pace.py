"""How fast a run trains, and how long it will take."""

from __future__ import annotations

from gradtop.trainer.record import Status


def seconds_left(status: Status) -> float | None:
    """The time to the last step at the mean pace so far, in seconds."""
    done = status.step - status.began  # what a fork took over took it no time
    if done <= 0 or status.steps <= status.step or status.seconds <= 0:
        return None
    return status.seconds / done * (status.steps - status.step)
