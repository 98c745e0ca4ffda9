"""Initialization of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from gradtop.trainer.declare import Section, setting

_GAIN = "Scaling factor of the standard deviation; √2 for relu, 5/3 for tanh."
Fan = Literal["fan_in", "fan_out"]
Which = Literal["auto", "ema", "raw"]
Nonlinearity = Literal["relu", "leaky_relu", "tanh", "linear"]


class Pretrained(Section):
    """Weights from a file, over any initialisation."""

    pretrained: str = setting("", help="State dict (.pt, .pth or .safetensors) to load where names and shapes match; empty for none.", effect="restart")
    pretrained_weights: Which = setting("auto", help="Of a checkpoint that has an EMA of its weights: the EMA (auto, ema) or the weights themselves (raw).", effect="restart")


class DefaultInit(Pretrained):
    kind: Literal["default"] = setting("default", help="PyTorch's default initialization of each layer.", effect="restart")


class XavierUniform(Pretrained):
    kind: Literal["xavier_uniform"] = setting("xavier_uniform", help="Xavier uniform initialization (Glorot & Bengio, 2010).", effect="restart")
    gain: float = setting(1.0, help=_GAIN, effect="restart", gt=0)


class XavierNormal(Pretrained):
    kind: Literal["xavier_normal"] = setting("xavier_normal", help="Xavier normal initialization (Glorot & Bengio, 2010).", effect="restart")
    gain: float = setting(1.0, help=_GAIN, effect="restart", gt=0)


class KaimingUniform(Pretrained):
    kind: Literal["kaiming_uniform"] = setting("kaiming_uniform", help="Kaiming uniform initialization (He et al., 2015).", effect="restart")
    fan: Fan = setting("fan_in", help="Preserve the variance of the activations (fan_in) or of the gradients (fan_out).", effect="restart")
    nonlinearity: Nonlinearity = setting("relu", help="Nonlinearity after the layer; decides the gain.", effect="restart")


class KaimingNormal(Pretrained):
    kind: Literal["kaiming_normal"] = setting("kaiming_normal", help="Kaiming normal initialization (He et al., 2015).", effect="restart")
    fan: Fan = setting("fan_in", help="Preserve the variance of the activations (fan_in) or of the gradients (fan_out).", effect="restart")
    nonlinearity: Nonlinearity = setting("relu", help="Nonlinearity after the layer; decides the gain.", effect="restart")


class Normal(Pretrained):
    kind: Literal["normal"] = setting("normal", help="Normal distribution with mean 0.", effect="restart")
    std: float = setting(0.02, help="Standard deviation.", effect="restart", gt=0)


class Orthogonal(Pretrained):
    kind: Literal["orthogonal"] = setting("orthogonal", help="Orthogonal initialization (Saxe et al., 2014).", effect="restart")
    gain: float = setting(1.0, help="Scaling factor of the weights.", effect="restart", gt=0)


class Zeros(Pretrained):
    kind: Literal["zeros"] = setting("zeros", help="All weights 0, for demonstration: hidden layers then learn nothing.", effect="restart")


InitConfig = Annotated[
    DefaultInit | XavierUniform | XavierNormal | KaimingUniform | KaimingNormal | Normal | Orthogonal | Zeros,
    Field(discriminator="kind"),
]
INITS: Mapping[str, type[Pretrained]] = {each.model_fields["kind"].default: each for each in get_args(get_args(InitConfig)[0])}
