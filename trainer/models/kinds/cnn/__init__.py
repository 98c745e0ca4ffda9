"""Convolutional network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.models.kinds import Activation, ModelConfig, NormKind


class Cnn(ModelConfig):
    kind: Literal["cnn"] = setting("cnn", help="Convolutional network: convolutional layers, then one linear layer.", effect="restart")
    channels: tuple[int, ...] = setting(
        (16, 32), help="Output channels of each stage.", unit="channels", effect="restart", ge=1, le=100_000
    )
    depth: int = setting(
        1, help="Convolutions per stage; those after the first keep the spatial size.", unit="layers",
        effect="restart", ge=1, le=100,
    )
    kernel_size: tuple[int, ...] = setting(
        (3,), help="Size of the convolving kernel; a list gives one per stage.", unit="pixels", effect="restart",
        ge=1, le=1_000, per_layer=True,
    )
    stride: tuple[int, ...] = setting(
        (1,), help="Stride of the convolution; a list gives one per stage.", unit="pixels", effect="restart",
        ge=1, le=1_000, per_layer=True,
    )
    padding: tuple[int, ...] = setting(
        (1,), help="Zero padding on all four sides of the input; a list gives one per stage.", unit="pixels",
        effect="restart", ge=0, le=1_000, per_layer=True,
    )
    norm: NormKind = setting("batch", help="Batch, layer or group normalization after each convolution.", effect="restart")
    activation: Activation = setting("relu", help="Activation function after each convolution.", effect="restart")
    dropout: float = setting(0.0, help="Dropout probability before the linear layer.", effect="live", ge=0, lt=1)

    inputs: ClassVar = "images"
    builder: ClassVar = "gradtop.trainer.models.kinds.cnn.network:CNN"

    @property
    def layers(self) -> tuple[tuple[int, int, int, int], ...]:
        """(channels, kernel size, stride, padding) of the first convolution of each stage."""
        count = len(self.channels)
        spread = [values * count if len(values) == 1 else values for values in (self.kernel_size, self.stride, self.padding)]
        return tuple(zip(self.channels, *spread, strict=True))

    def disagreements(self) -> Iterator[tuple[str, str]]:
        count = len(self.channels)
        if not count:
            yield "channels", "needs at least one number: one for each stage"
            return
        for name in ("kernel_size", "stride", "padding"):
            if len(getattr(self, name)) not in {1, count}:
                yield name, f"has {len(getattr(self, name))} numbers, but model.channels makes {count} stages: give one number, or {count}"

    def misfits(self, size: int, data: str) -> Iterator[tuple[str, str]]:
        for number, (_, kernel, stride, padding) in enumerate(self.layers, 1):
            padded = size + 2 * padding
            if kernel > padded:
                with_padding = f" ({padded}×{padded} with padding)" if padding else ""
                yield "kernel_size", f"{kernel} is larger than the input of stage {number}: {data} is {size}×{size} there{with_padding}"
                return
            size = (padded - kernel) // stride + 1
