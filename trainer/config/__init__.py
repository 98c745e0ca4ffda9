"""The configuration of a run: declared once per field; read from TOML, the command line and the form. No torch."""

from __future__ import annotations

from trainer.config.augment import AugmentConfig
from trainer.config.catalogue import FieldSpec, SectionSpec, find_spec, sections
from trainer.config.config import Config
from trainer.config.consequences import Consequences, consequences
from trainer.config.data import (
    Cifar10,
    Cifar100,
    CustomData,
    DataConfig,
    Digits,
    Fake,
    FashionMnist,
    ImageFolder,
    Mnist,
    Shape,
    Text,
)
from trainer.config.declare import LIVE_KINDS, Effect
from trainer.config.diff import Change, diff_config, strongest
from trainer.config.form import check_field, check_form, form_texts
from trainer.config.freeze import FreezeConfig
from trainer.config.init import InitConfig
from trainer.config.load import apply_overrides, dump_config, load_config, parse_config, to_tables
from trainer.config.model import (
    Cnn,
    CustomModel,
    LanguageModel,
    Mlp,
    ModelConfig,
    Shared,
    TorchvisionModel,
    Transformer,
)
from trainer.config.monitor import MonitorConfig
from trainer.config.optimizer import Adam, AdamW, OptimizerConfig, Sgd
from trainer.config.problems import ConfigProblems, Problem
from trainer.config.schedule import ConstantSchedule, CosineSchedule, ScheduleConfig, StepSchedule
from trainer.config.text import to_text
from trainer.config.training import TrainingConfig

__all__ = [
    "LIVE_KINDS",
    "Adam",
    "AdamW",
    "AugmentConfig",
    "Change",
    "Cifar10",
    "Cifar100",
    "Cnn",
    "Config",
    "ConfigProblems",
    "Consequences",
    "ConstantSchedule",
    "CosineSchedule",
    "CustomData",
    "CustomModel",
    "DataConfig",
    "Digits",
    "Effect",
    "Fake",
    "FashionMnist",
    "FieldSpec",
    "FreezeConfig",
    "ImageFolder",
    "InitConfig",
    "LanguageModel",
    "Mlp",
    "Mnist",
    "ModelConfig",
    "MonitorConfig",
    "OptimizerConfig",
    "Problem",
    "ScheduleConfig",
    "SectionSpec",
    "Sgd",
    "Shape",
    "Shared",
    "StepSchedule",
    "Text",
    "TorchvisionModel",
    "TrainingConfig",
    "Transformer",
    "apply_overrides",
    "check_field",
    "check_form",
    "consequences",
    "diff_config",
    "dump_config",
    "find_spec",
    "form_texts",
    "load_config",
    "parse_config",
    "sections",
    "strongest",
    "to_tables",
    "to_text",
]
