"""The section `[lr_range]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.declare import Section, setting
from gradtop.trainer.jobs.lr_range.ranged import RANGED, Ranged


class Settings(Section):
    over: Literal["lr", "weight_decay", "momentum"] = setting(
        "lr", help="What grows from step to step: learning rate (Smith, 2017), weight decay or momentum (β₁ of Adam), the latter two at the configured learning rate.", effect="restart"
    )
    start: float = setting(0.0, help="Value of the first step; 0 is 1e-7 of the learning rate, 1e-6 of weight decay, 0.5 of momentum.", effect="restart", ge=0)
    end: float = setting(0.0, help="Value of the last step, unless the loss diverges before; 0 is 10 of learning rate and weight decay, 0.999 of momentum.", effect="restart", ge=0)
    steps: int = setting(100, help="Optimizer steps of each seed, the values spaced evenly on a logarithmic scale, of momentum of 1 − momentum.", unit="steps", effect="restart", ge=10, le=100_000)
    seeds: int = setting(1, help="Repetitions, with training.seed and those after it; the median of what each suggests counts.", effect="restart", ge=1, le=32)
    smoothing: float = setting(0.98, help="Decay of the exponential moving average of the loss; its bias is corrected. 0 is off.", effect="restart", ge=0, lt=1)
    divergence: float = setting(4.0, help="The test of a seed ends when the smoothed loss exceeds its minimum by this factor.", effect="restart", gt=1)

    @property
    def ranged(self) -> Ranged:
        return RANGED[self.over]

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last value."""
        return self.start or self.ranged.start, self.end or self.ranged.end

    @model_validator(mode="after")
    def _rises(self) -> Settings:
        low, high = self.span
        sentence = ""
        if low >= high:
            sentence = f"must be above lr_range.start, which is {low:g}; it is {high:g}"
        elif self.over == "momentum" and high >= 1:
            sentence = f"must be below 1 where lr_range.over is momentum; it is {high:g}"
        if sentence:
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": [("lr_range.end", sentence)]})
        return self

    def disagreements_with(self, config: Any) -> Iterator[tuple[str, str]]:
        fields = type(config.optimizer).model_fields
        if self.over not in fields and not (self.over == "momentum" and "betas" in fields):
            yield "lr_range.over", f"is {self.over}, which optimizer.kind = {config.optimizer.kind} does not have"
