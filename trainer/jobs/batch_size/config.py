"""The section `[batch_size]`."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.declare import Section, setting


class Settings(Section):
    smallest: int = setting(8, help="Batch size of the first measurement; the following ones double it.", unit="samples", effect="restart", ge=1)
    largest: int = setting(0, help="Largest batch size to try; 0: the number of training samples.", unit="samples", effect="restart", ge=0)
    memory: float = setting(0.9, help="Share of the memory that is free at the start which training may use.", effect="restart", gt=0, le=1)
    steps: int = setting(8, help="Optimizer steps that are timed at each batch size.", unit="steps", effect="restart", ge=1, le=1000)
    warmup: int = setting(3, help="Optimizer steps before the timed ones at each batch size.", unit="steps", effect="restart", ge=1, le=1000)
    resolution: float = setting(0.05, help="The bisection ends when the interval is narrower than this share of the batch size.", effect="restart", gt=0, lt=1)
    noise_batches: int = setting(32, help="Batches whose gradients give the gradient noise scale (McCandlish et al., 2018); 0: not measured.", unit="batches", effect="restart", ge=0, le=10_000)

    @model_validator(mode="after")
    def _rises(self) -> Settings:
        if 0 < self.largest < self.smallest:
            sentence = f"must be at least batch_size.smallest, which is {self.smallest}; it is {self.largest}"
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": [("batch_size.largest", sentence)]})
        if self.noise_batches == 1:
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": [("batch_size.noise_batches", "must be 0 or at least 2")]})
        return self
