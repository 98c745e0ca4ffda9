"""A user's own project, for targets of models and data: what is of use, what is hardly, and what is none."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

Tensors = tuple[Tensor, Tensor]
number = 3


# Models


def linear(channels: int, size: int, classes: int, width: int = 0) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes + width))


def characters(classes: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(classes, 4), nn.Linear(4, classes))


class Unsayable(Exception):
    def __str__(self) -> str:
        raise KeyError("no message")

    __repr__ = __str__


class Given(nn.Module):
    """Gives whatever it was told to make of the outputs of a linear layer."""

    def __init__(self, how: str, features: int, classes: int) -> None:
        super().__init__()
        self.how, self.classes = how, classes
        self.linear = nn.Linear(features, classes)

    def forward(self, inputs: Tensor) -> Any:
        if self.how == "train" and self.training:
            raise ValueError("only in training")
        if self.how == "unsayable" and torch.is_grad_enabled():
            raise Unsayable
        outputs = self.linear(inputs.float().flatten(1)[:, : self.linear.in_features])
        match self.how:
            case "text in training" if self.training:
                return "nothing"
            case "other in training" if self.training:
                return outputs[:, :1]
            case "no gradient":
                return outputs.detach()
            case "whole":
                return outputs.long()
            case "complex":
                return outputs.to(torch.complex64)
            case "double":
                return outputs.double()
            case "half":
                return outputs.half()
            case "nan":
                return outputs / 0 * 0
            case "no batch":
                return outputs[0]
            case "in place":
                return outputs.relu_().exp().relu_().sqrt()
        return outputs


def given(how: str, channels: int, size: int, classes: int) -> nn.Module:
    return Given(how, min(max(channels * size * size, 1), 4), classes)


def double(channels: int, size: int, classes: int) -> nn.Module:
    return linear(channels, size, classes).double()


def half(channels: int, size: int, classes: int) -> nn.Module:
    return linear(channels, size, classes).half()


class Casting(nn.Sequential):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs.half()).float()  # type: ignore[no-any-return, no-untyped-call]


def half_weights(channels: int, size: int, classes: int) -> nn.Module:
    return Casting(linear(channels, size, classes)).half()


def lazy(classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))


def complex_weights(channels: int, size: int, classes: int) -> nn.Module:
    return linear(channels, size, classes).to(torch.complex64)


def on_meta(channels: int, size: int, classes: int) -> nn.Module:
    return linear(channels, size, classes).to("meta")


def unused(channels: int, size: int, classes: int) -> nn.Module:
    model = linear(channels, size, classes)
    model.register_parameter("unused", nn.Parameter(torch.zeros(3)))
    return model


def infinite(channels: int, size: int, classes: int) -> nn.Module:
    model = linear(channels, size, classes)
    with torch.no_grad():
        next(model.parameters()).fill_(float("inf"))
    return model


def sparse(classes: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(classes, 4, sparse=True), nn.Linear(4, classes))


def instance_norm(channels: int, size: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.InstanceNorm2d(channels), linear(channels, size, classes))


def batch_norm(channels: int, size: int, classes: int) -> nn.Module:
    return nn.Sequential(linear(channels, size, classes), nn.BatchNorm1d(classes))


def identity() -> nn.Module:
    return nn.Identity()


def nothing() -> None:
    return None


def raises() -> nn.Module:
    raise RuntimeError("there is\nno such thing")


def leaves() -> nn.Module:
    sys.exit(3)


# Data


class Singles(Dataset[Any]):
    def __init__(self, samples: list[Any]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


class Broken(Singles):
    def __getitem__(self, index: int) -> Any:
        if index == len(self.samples) - 1:
            raise OSError("disk gone")
        return self.samples[index]


def pictures(count: int = 8, size: int = 4, channels: int = 3, classes: int = 3) -> Any:
    numbers = torch.arange(count * channels * size * size, dtype=torch.float32)
    images = numbers.sin().view(count, channels, size, size)
    return (images, torch.arange(count) % classes), (images, torch.arange(count) % classes)


def numbers_of(dtype: str = "uint8", count: int = 8, shape: tuple[int, ...] | list[int] = (3, 4, 4)) -> Any:
    inputs = (torch.arange(count * max(torch.tensor(shape).prod().int().item(), 1)) % 7).view(count, *shape).to(getattr(torch, dtype))
    return (inputs, torch.arange(count) % 2), (inputs, torch.arange(count) % 2)


def singles(count: int = 6) -> Any:
    (images, labels), _ = pictures(count)
    samples = list(zip(images, labels.tolist(), strict=True))
    return Singles(samples), TensorDataset(images, labels)


def broken() -> Any:
    samples = singles()[0].samples
    return Singles(samples), Broken(samples)


def one_class() -> Any:
    return pictures(classes=1)


def one_sample() -> Any:
    (images, labels), _ = pictures()
    return (images[:2], labels[:2]), (images[:1], labels[:1])


def labels_of(what: str) -> Any:
    (images, labels), validation = pictures()
    return (images, {"far": labels * 10**9, "negative": -labels, "floats": labels.float(), "places": labels.view(2, 4), "masks": labels.view(-1, 1, 1).expand(-1, 4, 4)}[what]), validation


def sequences(context: int, length: int = 0) -> Any:
    some = torch.arange(10 * (length or context)).view(10, -1) % 5
    return (some, some), (some, some)


def strange_characters(context: int) -> Any:
    (some, labels), _ = sequences(context)
    return (some + 5, labels), (some + 5, labels)
