"""The whole configuration of a run, and what must hold between its fields."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.config.augment import AugmentConfig
from gradtop.trainer.config.data import DataConfig, Digits, Text
from gradtop.trainer.config.freeze import FreezeConfig, NoFreeze
from gradtop.trainer.config.init import DefaultInit, InitConfig
from gradtop.trainer.config.job import DEFAULT_JOB
from gradtop.trainer.config.model import Cnn, CustomModel, LanguageModel, ModelConfig, Transformer
from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.config.training import TrainingConfig
from gradtop.trainer.declare import Section
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.optim.optimizers.adamw import AdamW
from gradtop.trainer.optim.schedules import ScheduleConfig
from gradtop.trainer.optim.schedules.cosine import CosineSchedule


class Config(Section):
    """Validated and frozen; every section has a default, so an empty file is a whole configuration.

    `job` is what the run does; `settings` is the section of that job, `[lr_range]` for one, None where it has none.
    """

    job: str = DEFAULT_JOB
    settings: Section | None = None
    model: ModelConfig = Cnn()
    init: InitConfig = DefaultInit()
    freeze: FreezeConfig = NoFreeze()
    data: DataConfig = Digits()
    augment: AugmentConfig = AugmentConfig()
    optimizer: OptimizerConfig = AdamW()
    schedule: ScheduleConfig = CosineSchedule()
    training: TrainingConfig = TrainingConfig()
    monitor: MonitorConfig = MonitorConfig()

    def part(self, name: str) -> Section:
        """A shared section, or the job's own, by its name in the file."""
        found = self.settings if name == self.job else getattr(self, name)
        if not isinstance(found, Section):
            raise KeyError(name)
        return found

    @model_validator(mode="after")
    def _agree(self) -> Config:
        if misfits := list(disagreements(self)):
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": misfits})
        return self


def disagreements(config: Config) -> Iterator[tuple[str, str]]:
    """(key, sentence) of each pair of fields that cannot be combined, as far as it can be known without torch."""
    for name in Config.model_fields:
        if isinstance(part := getattr(config, name), Section):
            table = config.job if name == "settings" else name
            yield from ((f"{table}.{field}", sentence) for field, sentence in part.disagreements())
    yield from _model_and_data(config)
    training = config.training
    samples = config.data.shape.samples
    misfits = config.schedule.misfits(
        config.optimizer.lr,
        epochs=training.epochs,
        steps=training.steps,
        steps_per_epoch=training.steps_per_epoch(samples) if samples else 0,
    )
    yield from ((f"schedule.{field}", sentence) for field, sentence in misfits)


def _model_and_data(config: Config) -> Iterator[tuple[str, str]]:
    model, data = config.model, config.data
    if isinstance(model, Transformer | LanguageModel) and model.hidden_size % model.num_heads:
        yield "model.num_heads", f"must divide model.hidden_size, which is {model.hidden_size}; it is {model.num_heads}"
    if isinstance(data, Text) != isinstance(model, LanguageModel) and not isinstance(model, CustomModel) and data.kind != "custom":
        wanted = "language_model" if isinstance(data, Text) else "a model of images"
        yield "model.kind", f"must be {wanted} where data.kind is {data.kind}, not {model.kind}"
        return
    if isinstance(data, Text) and any(vars(config.augment).values()):
        key = next(key for key, value in vars(config.augment).items() if value)
        yield f"augment.{key}", "is for images; data.kind is text"
    if isinstance(model, Cnn) and (misfits := list(_lists(model))):
        yield from misfits
    elif data.shape.size:
        yield from misfits_of_size(model, data.shape.size, data.kind)


def _lists(model: Cnn) -> Iterator[tuple[str, str]]:
    count = len(model.channels)
    if not count:
        yield "model.channels", "needs at least one number: one for each convolution"
        return
    for name in ("kernel_size", "stride", "padding"):
        if len(getattr(model, name)) not in {1, count}:
            yield f"model.{name}", f"has {len(getattr(model, name))} numbers, but model.channels makes {count} layers: give one number, or {count}"


def misfits_of_size(model: ModelConfig, size: int, data: str) -> Iterator[tuple[str, str]]:
    """What a model cannot do with square images of this side."""
    if isinstance(model, Cnn):
        yield from _convolutions(model, size, data)
    if isinstance(model, Transformer) and size % model.patch_size:
        yield "model.patch_size", f"must divide the side of the images, {size} for {data}; it is {model.patch_size}"


def _convolutions(model: Cnn, size: int, data: str) -> Iterator[tuple[str, str]]:
    for number, (_, kernel, stride, padding) in enumerate(model.layers, 1):
        if kernel > size + 2 * padding:
            padded = f" ({size + 2 * padding}×{size + 2 * padding} with padding)" if padding else ""
            yield "model.kernel_size", f"{kernel} is larger than what reaches layer {number}: {data} is {size}×{size} there{padded}"
            return
        size = (size + 2 * padding - kernel) // stride + 1
