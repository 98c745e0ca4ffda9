"""A user's project with losses of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from tests.training.nested_project import ListedSamples

Batch = dict[str, Tensor]


def own_loss(model: nn.Module, batch: Batch) -> Any:
    """What a model of Hugging Face's computes by itself."""
    return model(**batch)


def charted(model: nn.Module, batch: Batch, scale: float = 1.0) -> dict[str, Any]:
    found = model(**batch)
    right = (found.logits.argmax(1) == batch["labels"]).float()
    return {"loss": scale * found.loss, "accuracy": right.mean(), "hidden_norm": found.hidden.norm(dim=1).mean(), "share_of_zeros": float((batch["labels"] == 0).float().mean())}


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 6))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers(inputs)  # type: ignore[no-any-return]


def autoencoder() -> nn.Module:
    return Autoencoder()


def vectors() -> tuple[Tensor, Tensor]:
    found = torch.randn(45, 6, generator=torch.Generator().manual_seed(4))
    return found[:30], found[30:]


def pairs() -> tuple[Any, Any]:
    first, second = vectors()
    return TensorDataset(first, first.flip(0), torch.arange(30) % 2), ListedSamples([(row, row * 2, number % 2) for number, row in enumerate(second)])


def reconstruction(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
    return {"loss": functional.mse_loss(model(batch), batch)}


def contrastive(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor], margin: float = 1.0) -> Tensor:
    left, right, same = batch
    distance = (model(left) - model(right)).norm(dim=1)
    return torch.where(same == 1, distance.square(), (margin - distance).clamp_min(0).square()).mean()


def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    inputs, labels = batch
    return {"loss": functional.cross_entropy(model(inputs), labels), "top": functional.softmax(model(inputs), 1).max(1).values.mean()}


class Fuse:
    left = 0


def breaking(model: nn.Module, batch: Tensor, steps: int) -> Tensor:
    """Works so many times in training."""
    if model.training:
        Fuse.left = (Fuse.left or steps + 1) - 1
        if Fuse.left == 1:
            raise KeyError("words")
    return functional.mse_loss(model(batch), batch)


def wrong(model: nn.Module, batch: Tensor, how: str) -> Any:
    loss = functional.mse_loss(model(batch), batch)
    match how:
        case "raises":
            raise RuntimeError("the weather")
        case "a vector":
            return (model(batch) - batch).square().mean(1)
        case "no loss":
            return {"distance": loss}
        case "losses":
            return {"generator_loss": loss, "discriminator_loss": loss}
        case "a pair":
            return loss, loss
        case "a number":
            return {"loss": 3.0}
        case "detached":
            return loss.detach()
        case "a name":
            return {"loss": loss, "a b": loss}
        case "a column":
            return {"loss": loss, "grad_norm": loss}
        case "a text":
            return {"loss": loss, "note": "fine"}
        case "nothing":
            return None
        case "exits":
            raise SystemExit(3)
        case "only in training" if model.training:
            raise RuntimeError("not in training")
    return loss


def several_models() -> tuple[nn.Module, nn.Module]:
    return Autoencoder(), Autoencoder()
