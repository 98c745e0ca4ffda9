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


class NothingLearned(UserError):
    """The gradient scaler skipped every step; the weights are those from before training."""

    def __init__(self, steps: int) -> None:
        which = "the only step" if steps == 1 else f"each of the {steps} steps"
        super().__init__(
            f"nothing was learned: in {which} a gradient overflowed in fp16, and the gradient scaler skipped it. "
            "Train for more steps, as its scale is halved with each, or set training.precision to bf16 or fp32."
        )


class AlreadyTraining(UserError):
    """Another live process trains the run; its status must not be touched."""
