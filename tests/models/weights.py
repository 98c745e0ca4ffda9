"""Small models, and weights of theirs that a file gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from gradtop.trainer.config import Cnn, ModelConfig
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.init_config import DefaultInit
from gradtop.trainer.models.initialise import initialise

INFO = DataInfo(1, 8, 10)
CONFIG = Cnn(channels=(4, 6))


def new(config: ModelConfig = CONFIG, info: DataInfo = INFO, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_model(config, info)


def loaded(path: Path, model: nn.Module) -> list[str]:
    return initialise(DefaultInit(pretrained=str(path)), model)


def differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> set[str]:
    """Names of what is not equal bit for bit."""
    assert one.keys() == other.keys()
    return {name for name, value in one.items() if not torch.equal(value, other[name])}


def prefixed(prefix: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda state: {prefix + name: value for name, value in state.items()}
