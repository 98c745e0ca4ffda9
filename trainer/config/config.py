"""The whole configuration of a run, and what must hold between its fields."""

from __future__ import annotations

import datetime as dt  # noqa: F401 - imported by pydantic's compiled part, which aborts with a panic if an interrupt comes meanwhile
from collections.abc import Iterator, Mapping

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.config.freeze import FreezeConfig, NoFreeze
from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.config.sample import SampleConfig
from gradtop.trainer.config.training import TrainingConfig
from gradtop.trainer.data.augment_config import AugmentConfig
from gradtop.trainer.data.kinds import DataConfig
from gradtop.trainer.data.kinds.digits import Digits
from gradtop.trainer.declare import Section
from gradtop.trainer.job import DEFAULT_JOB
from gradtop.trainer.metrics import METRICS, is_declared, misfits_of_metrics, not_measured, unknown_metric, wrong_in
from gradtop.trainer.models.init_config import DefaultInit, InitConfig
from gradtop.trainer.models.kinds import ModelConfig
from gradtop.trainer.models.kinds.cnn import Cnn
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.optim.optimizers.adamw import AdamW
from gradtop.trainer.optim.schedules import ScheduleConfig
from gradtop.trainer.optim.schedules.cosine import CosineSchedule
from gradtop.trainer.tasks.kinds import TaskConfig
from gradtop.trainer.tasks.kinds.auto import AutoTask


class Config(Section):
    """Validated and frozen; every section has a default, so an empty file is a whole configuration.

    `job` is what the run does; `settings` is the section of that job, `[lr_range]` for one, None where it has none.
    """

    job: str = DEFAULT_JOB
    settings: Section | None = None
    # Not validated: pydantic would build each of these sections for its default alone, and all of them once more for the whole.
    model: ModelConfig = Cnn.model_construct()
    init: InitConfig = DefaultInit.model_construct()
    freeze: FreezeConfig = NoFreeze.model_construct()
    data: DataConfig = Digits.model_construct()
    task: TaskConfig = AutoTask.model_construct()
    augment: AugmentConfig = AugmentConfig.model_construct()
    optimizer: OptimizerConfig = AdamW.model_construct()
    schedule: ScheduleConfig = CosineSchedule.model_construct()
    training: TrainingConfig = TrainingConfig.model_construct()
    monitor: MonitorConfig = MonitorConfig.model_construct()
    sample: SampleConfig = SampleConfig.model_construct()

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
    if config.settings is not None:
        yield from config.settings.disagreements_with(config)
    training = config.training
    yield from config.task.disagreements_with(config)
    labels = config.task.labels(config.data.inputs)
    classes = config.data.shape.classes
    if not wrong_in(training.metrics):
        yield from (("training.metrics", sentence) for sentence in misfits_of_metrics(training.metrics, labels, classes, f"data.kind is {config.data.kind}"))
    if unknown := unknown_metric(training.monitor, own=config.task.own_metrics, added=training.metrics):
        yield "training.monitor", unknown
    elif not is_declared(training.monitor) and training.monitor_mode == "auto":
        yield "training.monitor_mode", f"must be min or max where training.monitor is {training.monitor}, of which only its code knows which is better"
    if missing := not_measured(training.monitor, labels, classes, training.metrics):
        yield "training.monitor", f"{training.monitor} requires {missing} (data.kind is {config.data.kind})"
    samples = config.data.shape.samples
    misfits = config.schedule.misfits(
        config.optimizer.lr,
        epochs=training.epochs,
        steps=training.steps,
        steps_per_epoch=training.steps_per_epoch(samples) if samples else 0,
    )
    yield from ((f"schedule.{field}", sentence) for field, sentence in misfits)


def may_measure_own(tables: Mapping[str, object]) -> bool:
    """Whether the evaluations of a run with these tables may have metrics that are declared nowhere."""
    task = tables.get("task")
    kind = TaskConfig.kinds().get(str(task.get("kind"))) if isinstance(task, Mapping) else None
    training = tables.get("training")
    added = training.get("metrics") if isinstance(training, Mapping) else ()
    names_some = isinstance(added, list | tuple) and any(str(name) not in METRICS for name in added)
    return names_some or (kind is not None and kind.own_metrics)


def _model_and_data(config: Config) -> Iterator[tuple[str, str]]:
    model, data = config.model, config.data
    # What takes vectors takes images, as vectors.
    takes = {"images", "vectors"} if model.inputs == "vectors" else {model.inputs}
    if "any" not in {model.inputs, data.inputs} and data.inputs not in takes:
        fitting = [name for name, kind in ModelConfig.kinds().items() if kind.inputs == data.inputs]
        wanted = fitting[0] if len(fitting) == 1 else f"a model of {data.inputs}"
        yield "model.kind", f"must be {wanted} where data.kind is {data.kind}, not {model.kind}"
        return
    if data.inputs in {"characters", "vectors"} and any(vars(config.augment).values()):
        key = next(key for key, value in vars(config.augment).items() if value)
        yield f"augment.{key}", f"requires images; data.kind is {data.kind}"
    if data.inputs != "characters" and config.sample != (plain := SampleConfig()):
        key = next(key for key, value in vars(plain).items() if value != getattr(config.sample, key))
        yield f"sample.{key}", f"requires data.kind = text, whose tokens are known; it is {data.kind}"
    if data.shape.size and not any(model.disagreements()):
        yield from ((f"model.{field}", sentence) for field, sentence in model.misfits(data.shape.size, data.kind))
