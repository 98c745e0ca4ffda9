"""The whole configuration of a run, and what must hold between its fields."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from trainer.config.data import DataConfig, Digits
from trainer.config.declare import Section
from trainer.config.model import Cnn, ModelConfig
from trainer.config.monitor import MonitorConfig
from trainer.config.optimizer import AdamW, OptimizerConfig, Sgd
from trainer.config.schedule import CosineSchedule, ScheduleConfig
from trainer.config.training import TrainingConfig


class Config(Section):
    """Validated and frozen; every section has a default, so an empty file is a whole configuration."""

    model: ModelConfig = Cnn()
    data: DataConfig = Digits()
    optimizer: OptimizerConfig = AdamW()
    schedule: ScheduleConfig = CosineSchedule()
    training: TrainingConfig = TrainingConfig()
    monitor: MonitorConfig = MonitorConfig()

    @model_validator(mode="after")
    def _agree(self) -> Config:
        if misfits := list(disagreements(self)):
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": misfits})
        return self


def disagreements(config: Config) -> Iterator[tuple[str, str]]:
    """(key, sentence) of each pair of fields that cannot go together, as far as it can be known without torch."""
    if isinstance(config.model, Cnn):
        yield from _convolutions(config.model, config.data.shape.size, config.data.kind)
    optimizer, schedule, training = config.optimizer, config.schedule, config.training
    if isinstance(optimizer, Sgd) and optimizer.nesterov and not optimizer.momentum:
        yield "optimizer.nesterov", "needs optimizer.momentum > 0, which is 0"
    if isinstance(schedule, CosineSchedule) and schedule.min_lr > optimizer.lr:
        yield "schedule.min_lr", f"must not exceed optimizer.lr, which is {optimizer.lr:g}; it is {schedule.min_lr:g}"
    steps = training.epochs * -(-config.data.shape.samples // training.batch_size)
    if schedule.warmup_steps > steps:
        yield "schedule.warmup_steps", f"is {schedule.warmup_steps}, longer than the whole run: {training.epochs} epochs are {steps} steps"
    monitor = config.monitor
    if monitor.healthy_low >= monitor.healthy_high:
        yield "monitor.healthy_low", f"must be below monitor.healthy_high, which is {monitor.healthy_high:g}; it is {monitor.healthy_low:g}"


def _convolutions(model: Cnn, size: int, data: str) -> Iterator[tuple[str, str]]:
    count = len(model.channels)
    if not count:
        yield "model.channels", "needs at least one number: one for each convolution"
        return
    uneven = [name for name in ("kernel_size", "stride", "padding") if len(getattr(model, name)) not in {1, count}]
    for name in uneven:
        yield f"model.{name}", f"has {len(getattr(model, name))} numbers, but model.channels makes {count} layers: give one number, or {count}"
    if uneven:
        return
    for number, (_, kernel, stride, padding) in enumerate(model.layers, 1):
        if kernel > size + 2 * padding:
            padded = f" ({size + 2 * padding}×{size + 2 * padding} with padding)" if padding else ""
            yield "model.kernel_size", f"{kernel} is larger than what reaches layer {number}: {data} is {size}×{size} there{padded}"
            return
        size = (size + 2 * padding - kernel) // stride + 1
