"""Failures whose message is one sentence written for the person who trains."""

from __future__ import annotations


class UserError(Exception):
    """Something that the user can put right; the message says what is wrong and what to do."""


class NonFinite(UserError):
    """The loss or a gradient became infinite or not a number; the weights are those from before the step."""

    def __init__(self, step: int, what: str) -> None:
        self.step = step
        self.what = what
        super().__init__(
            f"step {step}: {what} is not finite; training ended before the step changed the weights. "
            "Try a smaller learning rate, a warm-up or gradient clipping."
        )


class AlreadyTraining(UserError):
    """Another live process trains the run; its status must not be touched."""
