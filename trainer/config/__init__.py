"""The configuration of a run: declared once per field; read from TOML, the command line and the form. No torch."""

from __future__ import annotations

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.diff import Change, diff_config, strongest
from gradtop.trainer.config.fork_preview import Consequences, consequences
from gradtop.trainer.config.form import check_field, check_form, form_texts
from gradtop.trainer.config.freeze import FreezeConfig
from gradtop.trainer.config.load import apply_overrides, dump_config, load_config, parse_config, to_tables
from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.config.problems import ConfigProblems, Problem
from gradtop.trainer.config.sample import SampleConfig
from gradtop.trainer.config.schema import find_spec, sections
from gradtop.trainer.config.training import TrainingConfig
from gradtop.trainer.data.augment_config import AugmentConfig
from gradtop.trainer.data.kinds import DataConfig, DataShape
from gradtop.trainer.data.kinds.custom import CustomData
from gradtop.trainer.data.kinds.digits import Digits
from gradtop.trainer.data.kinds.downloaded import Cifar10, Cifar100, FashionMnist, Mnist
from gradtop.trainer.data.kinds.fake import Fake
from gradtop.trainer.data.kinds.hf import SavedDataset
from gradtop.trainer.data.kinds.image_folder import ImageFolder
from gradtop.trainer.data.kinds.text import Text
from gradtop.trainer.fields.spec import EFFECTS, LIVE_KINDS, Effect, FieldSpec, SectionSpec
from gradtop.trainer.fields.text import to_text
from gradtop.trainer.models.init_config import InitConfig
from gradtop.trainer.models.kinds import ModelConfig
from gradtop.trainer.models.kinds.cnn import Cnn
from gradtop.trainer.models.kinds.custom import CustomModel
from gradtop.trainer.models.kinds.language_model import LanguageModel
from gradtop.trainer.models.kinds.mlp import Mlp
from gradtop.trainer.models.kinds.shared import Shared
from gradtop.trainer.models.kinds.torchvision import TorchvisionModel
from gradtop.trainer.models.kinds.transformer import Transformer
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.optim.optimizers.adam import Adam
from gradtop.trainer.optim.optimizers.adamw import AdamW
from gradtop.trainer.optim.optimizers.sgd import Sgd
from gradtop.trainer.optim.schedules import ScheduleConfig
from gradtop.trainer.optim.schedules.constant import ConstantSchedule
from gradtop.trainer.optim.schedules.cosine import CosineSchedule
from gradtop.trainer.optim.schedules.step import StepSchedule

__all__ = [
    "EFFECTS",
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
    "DataShape",
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
    "SampleConfig",
    "SavedDataset",
    "ScheduleConfig",
    "SectionSpec",
    "Sgd",
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
