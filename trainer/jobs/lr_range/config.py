"""The section `[lr_range]`."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.declare import Section, setting


class Settings(Section):
    start: float = setting(1e-7, help="Learning rate of the first step.", effect="restart", gt=0)
    end: float = setting(10.0, help="Learning rate of the last step, unless the loss diverges before.", effect="restart", gt=0)
    steps: int = setting(100, help="Optimizer steps, their learning rates spaced evenly on a logarithmic scale.", unit="steps", effect="restart", ge=10, le=100_000)
    smoothing: float = setting(0.98, help="Decay of the exponential moving average of the loss; its bias is corrected. 0 is off.", effect="restart", ge=0, lt=1)
    divergence: float = setting(4.0, help="The test ends when the smoothed loss exceeds its minimum by this factor.", effect="restart", gt=1)

    @model_validator(mode="after")
    def _rises(self) -> Settings:
        if self.start >= self.end:
            sentence = f"must be above lr_range.start, which is {self.start:g}; it is {self.end:g}"
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": [("lr_range.end", sentence)]})
        return self
