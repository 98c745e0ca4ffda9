"""What is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trainer.config.declare import Section, setting

Activation = Literal["relu", "gelu", "silu", "tanh", "leaky_relu", "elu"]


class Mlp(Section):
    kind: Literal["mlp"] = setting("mlp", help="Multilayer perceptron: linear layers with an activation between them.", effect="restart")
    hidden: tuple[int, ...] = setting(
        (128, 64), help="Width of each hidden layer, first to last; an empty list is a linear classifier.", unit="neurons",
        effect="restart", ge=1, le=1_000_000,
    )
    activation: Activation = setting("relu", help="The nonlinearity after each hidden layer.", effect="restart")
    dropout: float = setting(0.0, help="Share of hidden values set to zero while training.", effect="live", ge=0, lt=1)


class Cnn(Section):
    kind: Literal["cnn"] = setting("cnn", help="Convolutional network: convolution layers, then one linear layer.", effect="restart")
    channels: tuple[int, ...] = setting(
        (16, 32), help="Output channels of each convolution, first to last.", unit="channels", effect="restart", ge=1, le=100_000
    )
    kernel_size: tuple[int, ...] = setting(
        (3,), help="Side of the window each convolution sees; a list gives one per layer.", unit="pixels", effect="restart",
        ge=1, le=1_000, per_layer=True,
    )
    stride: tuple[int, ...] = setting(
        (1,), help="Step of that window; 2 halves the picture. A list gives one per layer.", unit="pixels", effect="restart",
        ge=1, le=1_000, per_layer=True,
    )
    padding: tuple[int, ...] = setting(
        (1,), help="Zeros added around the picture; half the kernel keeps its size. A list gives one per layer.", unit="pixels",
        effect="restart", ge=0, le=1_000, per_layer=True,
    )
    dropout: float = setting(0.0, help="Share of features set to zero before the linear layer.", effect="live", ge=0, lt=1)

    @property
    def layers(self) -> tuple[tuple[int, int, int, int], ...]:
        """(channels, kernel size, stride, padding) of each convolution."""
        count = len(self.channels)
        spread = [values * count if len(values) == 1 else values for values in (self.kernel_size, self.stride, self.padding)]
        return tuple(zip(self.channels, *spread, strict=True))


class TorchvisionModel(Section):
    kind: Literal["torchvision"] = setting("torchvision", help="Any classification model of torchvision, by name.", effect="restart")
    name: str = setting(
        "resnet18", help="The builder's name, such as resnet18, mobilenet_v3_small or vit_b_16.", effect="restart",
        pattern=r"^[a-z][a-z0-9_]*$", expected="the name of a torchvision model, such as resnet18",
    )


ModelConfig = Annotated[Mlp | Cnn | TorchvisionModel, Field(discriminator="kind")]
