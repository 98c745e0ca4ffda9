"""A model of the user's own project."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import Arguments, setting, target
from gradtop.trainer.models.kinds import ModelConfig


class CustomModel(ModelConfig):
    kind: Literal["custom"] = setting("custom", help="A callable of your own project that returns an nn.Module.", effect="restart")
    target: str = target("my_project.models:build", help="package.module:callable, called with the arguments below.", effect="restart")
    arguments: Arguments = setting({}, help="Its keyword arguments, as an inline table: {width = 128}.", effect="restart")

    inputs: ClassVar = "any"
    builder: ClassVar = "gradtop.trainer.models.kinds.custom.network:build"
