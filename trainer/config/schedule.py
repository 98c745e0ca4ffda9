"""How the learning rate moves from the first step to the last."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trainer.config.declare import Section, setting


class WarmUp(Section):
    """A linear rise before any schedule."""

    warmup_steps: int = setting(0, help="Steps in which the learning rate rises to its full value; 0 is no warm-up.", unit="steps", effect="fork", ge=0, le=1_000_000_000)
    warmup_start: float = setting(0.01, help="Share of the learning rate that the warm-up starts from.", effect="fork", gt=0, le=1)


class ConstantSchedule(WarmUp):
    kind: Literal["constant"] = setting("constant", help="The same learning rate throughout.", effect="fork")


class StepSchedule(WarmUp):
    kind: Literal["step"] = setting("step", help="The learning rate times gamma, every few epochs.", effect="fork")
    step_size: int = setting(10, help="Epochs between two drops.", unit="epochs", effect="fork", ge=1, le=1_000_000)
    gamma: float = setting(0.1, help="What the learning rate is multiplied by at each drop.", effect="fork", gt=0, le=1)


class CosineSchedule(WarmUp):
    kind: Literal["cosine"] = setting("cosine", help="Half a cosine from the learning rate down to min_lr at the last step.", effect="fork")
    min_lr: float = setting(0.0, help="The learning rate at the last step.", effect="fork", ge=0)


ScheduleConfig = Annotated[ConstantSchedule | StepSchedule | CosineSchedule, Field(discriminator="kind")]
