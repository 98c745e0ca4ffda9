"""What the weights are before the first step."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gradtop.trainer.declare import Section, setting

_GAIN = "What the deviation is multiplied by; the gain of relu is 1.414, of tanh 1.667."
Fan = Literal["fan_in", "fan_out"]
Nonlinearity = Literal["relu", "leaky_relu", "tanh", "linear"]


class Pretrained(Section):
    """Weights from a file, over any initialisation."""

    pretrained: str = setting("", help="A state dict (.pt, .pth or .safetensors) loaded over it as far as names and shapes fit; empty for none.", effect="restart")


class DefaultInit(Pretrained):
    kind: Literal["default"] = setting("default", help="As each layer of PyTorch does it by itself.", effect="restart")


class XavierUniform(Pretrained):
    kind: Literal["xavier_uniform"] = setting("xavier_uniform", help="Uniform, its deviation gain × √(2 / (fan in + fan out)) (Glorot and Bengio 2010).", effect="restart")
    gain: float = setting(1.0, help=_GAIN, effect="restart", gt=0)


class XavierNormal(Pretrained):
    kind: Literal["xavier_normal"] = setting("xavier_normal", help="Normal, its deviation gain × √(2 / (fan in + fan out)) (Glorot and Bengio 2010).", effect="restart")
    gain: float = setting(1.0, help=_GAIN, effect="restart", gt=0)


class KaimingUniform(Pretrained):
    kind: Literal["kaiming_uniform"] = setting("kaiming_uniform", help="Uniform, its deviation gain / √fan (He et al. 2015).", effect="restart")
    fan: Fan = setting("fan_in", help="Keep the variance of what goes forward (in), or of the gradients (out).", effect="restart")
    nonlinearity: Nonlinearity = setting("relu", help="What follows the layer decides the gain.", effect="restart")


class KaimingNormal(Pretrained):
    kind: Literal["kaiming_normal"] = setting("kaiming_normal", help="Normal, its deviation gain / √fan (He et al. 2015).", effect="restart")
    fan: Fan = setting("fan_in", help="Keep the variance of what goes forward (in), or of the gradients (out).", effect="restart")
    nonlinearity: Nonlinearity = setting("relu", help="What follows the layer decides the gain.", effect="restart")


class Normal(Pretrained):
    kind: Literal["normal"] = setting("normal", help="Normal, of one small deviation for all layers.", effect="restart")
    std: float = setting(0.02, help="Standard deviation of every weight.", effect="restart", gt=0)


class Orthogonal(Pretrained):
    kind: Literal["orthogonal"] = setting("orthogonal", help="Orthogonal matrices: they keep lengths (Saxe et al. 2014).", effect="restart")
    gain: float = setting(1.0, help="What the matrix is multiplied by.", effect="restart", gt=0)


class Zeros(Pretrained):
    kind: Literal["zeros"] = setting("zeros", help="All weights zero: hidden layers then learn nothing, which is what it shows.", effect="restart")


InitConfig = Annotated[
    DefaultInit | XavierUniform | XavierNormal | KaimingUniform | KaimingNormal | Normal | Orthogonal | Zeros,
    Field(discriminator="kind"),
]
