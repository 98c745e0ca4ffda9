"""What is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from gradtop.trainer.declare import Arguments, Section, setting, target

Activation = Literal["relu", "gelu", "silu", "tanh", "leaky_relu", "elu"]
Norm = Literal["none", "batch", "layer", "group"]

_ACTIVATION = "The nonlinearity after each hidden layer."
_ARGUMENTS = "Keyword arguments of the builder, as an inline table: {width_per_group = 128}."
_HEADS = "Attention heads; they share the hidden size out evenly."
_DROPOUT = "Share of values set to zero in each block while training."


class Mlp(Section):
    kind: Literal["mlp"] = setting("mlp", help="Multilayer perceptron: linear layers with an activation between them.", effect="restart")
    hidden: tuple[int, ...] = setting(
        (128, 64), help="Width of each hidden layer, first to last; an empty list is a linear classifier.", unit="neurons",
        effect="restart", ge=1, le=1_000_000,
    )
    activation: Activation = setting("relu", help=_ACTIVATION, effect="restart")
    dropout: float = setting(0.0, help="Share of hidden values set to zero while training.", effect="live", ge=0, lt=1)


class Cnn(Section):
    kind: Literal["cnn"] = setting("cnn", help="Convolutional network: convolution layers, then one linear layer.", effect="restart")
    channels: tuple[int, ...] = setting(
        (16, 32), help="Output channels of each convolution, first to last.", unit="channels", effect="restart", ge=1, le=100_000
    )
    depth: int = setting(
        1, help="Convolutions for each number of channels; those after the first keep the picture's size.", unit="layers",
        effect="restart", ge=1, le=100,
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
    norm: Norm = setting("batch", help="What is normalised after each convolution: over the batch, over a sample, or over groups of channels.", effect="restart")
    activation: Activation = setting("relu", help="The nonlinearity after each convolution.", effect="restart")
    dropout: float = setting(0.0, help="Share of features set to zero before the linear layer.", effect="live", ge=0, lt=1)

    @property
    def layers(self) -> tuple[tuple[int, int, int, int], ...]:
        """(channels, kernel size, stride, padding) of the first convolution for each number of channels."""
        count = len(self.channels)
        spread = [values * count if len(values) == 1 else values for values in (self.kernel_size, self.stride, self.padding)]
        return tuple(zip(self.channels, *spread, strict=True))


class Transformer(Section):
    kind: Literal["transformer"] = setting("transformer", help="Vision transformer: the picture cut into patches, which attend to each other.", effect="restart")
    patch_size: int = setting(4, help="Side of a patch; it must divide the picture's.", unit="pixels", effect="restart", ge=1, le=1_000)
    num_layers: int = setting(4, help="Blocks of attention and multilayer perceptron.", unit="layers", effect="restart", ge=1, le=1_000)
    hidden_size: int = setting(64, help="Width of what stands for a patch.", effect="restart", ge=1, le=100_000)
    num_heads: int = setting(4, help=_HEADS, effect="restart", ge=1, le=1_000)
    dropout: float = setting(0.0, help=_DROPOUT, effect="live", ge=0, lt=1)


class LanguageModel(Section):
    kind: Literal["language_model"] = setting("language_model", help="Transformer that foretells the next character of a text.", effect="restart")
    num_layers: int = setting(4, help="Blocks of attention and multilayer perceptron.", unit="layers", effect="restart", ge=1, le=1_000)
    hidden_size: int = setting(128, help="Width of what stands for a character.", effect="restart", ge=1, le=100_000)
    num_heads: int = setting(4, help=_HEADS, effect="restart", ge=1, le=1_000)
    context: int = setting(128, help="Characters that are seen at once.", unit="characters", effect="restart", ge=2, le=1_000_000)
    dropout: float = setting(0.0, help=_DROPOUT, effect="live", ge=0, lt=1)
    tied: bool = setting(True, help="One matrix for the embedding and for the output.", effect="restart")


class Shared(Section):
    kind: Literal["shared"] = setting("shared", help="Multilayer perceptron whose hidden layers share one weight matrix.", effect="restart")
    hidden_size: int = setting(128, help="Width of every hidden layer.", unit="neurons", effect="restart", ge=1, le=100_000)
    num_layers: int = setting(4, help="How often the shared layer is applied.", unit="layers", effect="restart", ge=1, le=10_000)
    activation: Activation = setting("relu", help=_ACTIVATION, effect="restart")
    dropout: float = setting(0.0, help="Share of hidden values set to zero while training.", effect="live", ge=0, lt=1)


class TorchvisionModel(Section):
    kind: Literal["torchvision"] = setting("torchvision", help="Any classification model of torchvision, by name.", effect="restart")
    name: str = setting(
        "resnet18", help="The builder's name, such as resnet18, mobilenet_v3_small or vit_b_16.", effect="restart",
        pattern=r"^[a-z][a-z0-9_]*$", expected="the name of a torchvision model, such as resnet18",
    )
    arguments: Arguments = setting({}, help=_ARGUMENTS, effect="restart")


class CustomModel(Section):
    kind: Literal["custom"] = setting("custom", help="A callable of your own project that gives an nn.Module.", effect="restart")
    target: str = target("my_project.models:build", help="package.module:callable; called with the arguments below.", effect="restart")
    arguments: Arguments = setting({}, help="Its keyword arguments, as an inline table: {width = 128}.", effect="restart")


ModelConfig = Annotated[
    Mlp | Cnn | Transformer | LanguageModel | Shared | TorchvisionModel | CustomModel, Field(discriminator="kind")
]
Keywords = Mapping[str, Any]
