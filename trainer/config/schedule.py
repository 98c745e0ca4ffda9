"""How the learning rate moves from the first step to the last."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gradtop.trainer.config.declare import Section, setting

Unit = Literal["epochs", "steps"]

_UNIT = "What the lengths of this schedule are counted in."
_MIN_LR = "The learning rate at the last step."


class WarmUp(Section):
    """A rise before any schedule, of so many steps or of so many epochs."""

    warmup_steps: int = setting(0, help="Steps in which the learning rate rises to its full value; 0 is no warm-up.", unit="steps", effect="fork", ge=0, le=1_000_000_000)
    warmup_epochs: float = setting(0.0, help="The same in epochs, which may be parts of one.", unit="epochs", effect="fork", ge=0, le=1_000_000)
    warmup_start: float = setting(0.01, help="Share of the learning rate that the warm-up starts from.", effect="fork", gt=0, le=1)
    warmup_shape: Literal["linear", "cosine"] = setting("linear", help="A straight rise, or one that begins and ends gently.", effect="fork")


class ConstantSchedule(WarmUp):
    kind: Literal["constant"] = setting("constant", help="The same learning rate throughout.", effect="fork")


class StepSchedule(WarmUp):
    kind: Literal["step"] = setting("step", help="The learning rate times gamma, every few epochs.", effect="fork")
    step_size: int = setting(10, help="Epochs or steps between two drops.", effect="fork", ge=1, le=1_000_000_000)
    gamma: float = setting(0.1, help="What the learning rate is multiplied by at each drop.", effect="fork", gt=0, le=1)
    unit: Unit = setting("epochs", help=_UNIT, effect="fork")


class MultiStepSchedule(WarmUp):
    kind: Literal["multistep"] = setting("multistep", help="The learning rate times gamma, at given epochs.", effect="fork")
    milestones: tuple[int, ...] = setting((15, 25), help="The epochs or steps after which it drops.", effect="fork", ge=1, le=1_000_000_000)
    gamma: float = setting(0.1, help="What the learning rate is multiplied by at each drop.", effect="fork", gt=0, le=1)
    unit: Unit = setting("epochs", help=_UNIT, effect="fork")


class ExponentialSchedule(WarmUp):
    kind: Literal["exponential"] = setting("exponential", help="The learning rate times gamma, after every epoch or step.", effect="fork")
    gamma: float = setting(0.95, help="What the learning rate is multiplied by each time.", effect="fork", gt=0, le=1)
    unit: Unit = setting("epochs", help=_UNIT, effect="fork")


class LinearSchedule(WarmUp):
    kind: Literal["linear"] = setting("linear", help="A straight line from the learning rate down to min_lr at the last step.", effect="fork")
    min_lr: float = setting(0.0, help=_MIN_LR, effect="fork", ge=0)


class PolynomialSchedule(WarmUp):
    kind: Literal["polynomial"] = setting("polynomial", help="Down to zero at the last step, as a power of what is left of the run.", effect="fork")
    power: float = setting(2.0, help="1 is a straight line; larger falls sooner.", effect="fork", gt=0, le=100)


class CosineSchedule(WarmUp):
    kind: Literal["cosine"] = setting("cosine", help="Half a cosine from the learning rate down to min_lr at the last step.", effect="fork")
    min_lr: float = setting(0.0, help=_MIN_LR, effect="fork", ge=0)


class CosineRestartsSchedule(WarmUp):
    kind: Literal["cosine_restarts"] = setting("cosine_restarts", help="Half cosines down to min_lr, each followed by a start at the full rate.", effect="fork")
    period: int = setting(10, help="Length of the first one.", effect="fork", ge=1, le=1_000_000_000)
    growth: int = setting(1, help="How many times as long each is as the one before.", effect="fork", ge=1, le=1_000)
    min_lr: float = setting(0.0, help="The learning rate at the end of each.", effect="fork", ge=0)
    unit: Unit = setting("epochs", help=_UNIT, effect="fork")


class OneCycleSchedule(Section):
    kind: Literal["one_cycle"] = setting("one_cycle", help="Up to the learning rate and down to almost nothing, once in the run.", effect="fork")
    rise: float = setting(0.3, help="Share of the run in which it rises.", effect="fork", gt=0, lt=1)
    div_factor: float = setting(25.0, help="It starts at the learning rate over this.", effect="fork", ge=1)
    final_div_factor: float = setting(1e4, help="It ends at its start over this.", effect="fork", ge=1)
    shape: Literal["cos", "linear"] = setting("cos", help="Half cosines, or straight lines.", effect="fork")


class PlateauSchedule(WarmUp):
    kind: Literal["plateau"] = setting("plateau", help="The learning rate times factor when the validation loss no longer falls.", effect="fork")
    factor: float = setting(0.1, help="What the learning rate is multiplied by.", effect="fork", gt=0, lt=1)
    patience: int = setting(5, help="Evaluations without a better loss that are waited for.", unit="evaluations", effect="fork", ge=0, le=1_000_000)
    threshold: float = setting(1e-4, help="Share by which a loss must be lower to count as better.", effect="fork", ge=0, lt=1)
    min_lr: float = setting(0.0, help="It does not fall below this.", effect="fork", ge=0)


class WsdSchedule(WarmUp):
    kind: Literal["wsd"] = setting("wsd", help="Warm-up, then stable, then a decay to min_lr over the last part of the run.", effect="fork")
    decay: float = setting(0.2, help="Share of the run in which it decays.", effect="fork", gt=0, le=1)
    decay_shape: Literal["linear", "cosine"] = setting("linear", help="A straight fall, or one that begins and ends gently.", effect="fork")
    min_lr: float = setting(0.0, help=_MIN_LR, effect="fork", ge=0)


ScheduleConfig = Annotated[
    ConstantSchedule
    | StepSchedule
    | MultiStepSchedule
    | ExponentialSchedule
    | LinearSchedule
    | PolynomialSchedule
    | CosineSchedule
    | CosineRestartsSchedule
    | OneCycleSchedule
    | PlateauSchedule
    | WsdSchedule,
    Field(discriminator="kind"),
]
