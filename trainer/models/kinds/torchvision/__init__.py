"""Classification models of torchvision."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import Arguments, setting
from gradtop.trainer.models.kinds import ModelConfig


class TorchvisionModel(ModelConfig):
    kind: Literal["torchvision"] = setting("torchvision", help="A classification model of torchvision, by name.", effect="restart")
    name: str = setting(
        "resnet18", help="Name of the model builder, such as resnet18, mobilenet_v3_small or vit_b_16.", effect="restart",
        pattern=r"^[a-z][a-z0-9_]*$", expected="the name of a torchvision model, such as resnet18",
    )
    arguments: Arguments = setting({}, help="Keyword arguments of the model builder, as an inline table: {width_per_group = 128}.", effect="restart")

    inputs: ClassVar = "images"
    builder: ClassVar = "gradtop.trainer.models.kinds.torchvision.network:build_torchvision"

    @property
    def label(self) -> str:
        return self.name
