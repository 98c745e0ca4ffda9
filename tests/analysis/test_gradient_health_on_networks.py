"""The health of gradients of networks that really train: no false alarm where one learns, and the right one where it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gradtop.trainer.analysis.gradient_health import TREND, GradientHealth, Measured, assess_gradients, window
from gradtop.trainer.config import load_config
from gradtop.trainer.data.dataset import Dataset
from gradtop.trainer.data.load import load_data
from gradtop.trainer.models.build import build_model

CONFIGS = Path(__file__).parents[2] / "configs"


class Watched:
    """Trains by steps and keeps each parameter's gradient norms, as the monitor does."""

    def __init__(self, model: nn.Module, images: Tensor, labels: Tensor) -> None:
        self.model, self.images, self.labels = model, images, labels
        self.norms: dict[str, list[float]] = {name: [] for name, _ in model.named_parameters()}
        self.seen: Counter[str] = Counter()
        self.batches = torch.Generator().manual_seed(0)

    def train(self, optimizer: torch.optim.Optimizer, steps: int, every: int = 1) -> Mapping[str, GradientHealth]:
        healths: Mapping[str, GradientHealth] = {}
        for step in range(steps):
            batch = torch.randint(0, len(self.images), (32,), generator=self.batches)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(self.images[batch]), self.labels[batch])
            torch.autograd.backward(loss)
            if step % every == 0:
                for name, parameter in self.model.named_parameters():
                    assert parameter.grad is not None
                    self.norms[name].append(parameter.grad.norm().item())
                healths = assess_gradients([self.measured(name, parameter) for name, parameter in self.model.named_parameters()])
                self.seen.update(health.state for health in healths.values())
            if not torch.isfinite(loss):
                break
            optimizer.step()
        return healths

    def measured(self, name: str, parameter: Tensor) -> Measured:
        recent = self.norms[name][-TREND:]
        before = self.norms[name][: len(self.norms[name]) - window(len(recent))]
        size = max(1, len(before) // 32)
        bins = [sum(part) / len(part) for start in range(0, len(before), size) if (part := before[start : start + size])]
        return Measured(name, tuple(parameter.shape), recent, bins)


def network(config: str, **changes: float) -> Watched:
    torch.manual_seed(0)
    settings = load_config(CONFIGS / config)
    data = load_data(settings.data, seed=0)
    assert isinstance(data, Dataset)
    images = data.train_images if data.prepare is None else data.prepare(data.train_images)
    model = build_model(settings.model, data.info)
    for module in model.modules():
        if isinstance(module, nn.Dropout) and "dropout" in changes:
            module.p = changes["dropout"]
    return Watched(model, images, data.train_labels)


def deep(activation: type[nn.Module]) -> Watched:
    """Twenty hidden layers with torch's own initialisation."""
    watched = network("digits_mlp.toml")
    torch.manual_seed(0)
    layers = [layer for width in [64] * 20 for layer in (nn.Linear(width, 64), activation())]
    return Watched(nn.Sequential(nn.Flatten(), *layers, nn.Linear(64, 10)), watched.images, watched.labels)


def test_the_digits_cnn_is_fine_from_the_first_step_on() -> None:
    watched = network("digits.toml")
    watched.train(torch.optim.AdamW(watched.model.parameters(), 2e-3, weight_decay=0.01), 180, every=3)
    assert set(watched.seen) == {"fine"}


def test_the_digits_mlp_is_fine_from_the_first_step_on() -> None:
    watched = network("digits_mlp.toml")
    watched.train(torch.optim.SGD(watched.model.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=1e-4), 1000, every=8)
    assert set(watched.seen) == {"fine"}


def test_a_network_that_knows_its_data_by_heart_is_fine_though_its_gradients_shrink() -> None:
    watched = network("digits_mlp.toml", dropout=0.0)
    watched.images, watched.labels = watched.images[:128], watched.labels[:128]  # sooner known by heart
    watched.train(torch.optim.AdamW(watched.model.parameters(), 3e-3, weight_decay=0.0), 1000, every=10)
    assert set(watched.seen) == {"fine"}
    assert all(norms[-1] < norms[0] / 100 for norms in watched.norms.values())


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid])
def test_twenty_saturating_layers_vanish_at_the_far_end(activation: type[nn.Module]) -> None:
    watched = deep(activation)
    healths = watched.train(torch.optim.SGD(watched.model.parameters(), 0.05), 120, every=2)
    assert healths["1.weight"].state == healths["1.bias"].state == "vanishing"
    assert healths["41.weight"].state == "fine"
    # A bias that gets small before its weight does is not told apart from one that is cancelled.
    assert {"fine", "vanishing"} <= set(watched.seen) <= {"fine", "vanishing", "no effect"}


def test_a_learning_rate_of_a_hundred_explodes() -> None:
    watched = network("digits_mlp.toml")
    healths = watched.train(torch.optim.SGD(watched.model.parameters(), 100.0, momentum=0.9), 50)
    assert watched.seen["exploding"] > 0
    assert {health.state for health in healths.values()} <= {"exploding", "not finite", "zero"}


class Attention(nn.Module):
    """One layer of attention over the rows of an image, with keys that have a bias, as BERT's."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        rows = self.embed(images.flatten(1).view(len(images), -1, 8))
        found = nn.functional.softmax(self.query(rows) @ self.key(rows).transpose(1, 2) / 32**0.5, 2) @ self.value(rows)
        return self.head((rows + found).mean(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_bias_of_the_keys_of_an_attention_is_no_trouble(dtype: torch.dtype) -> None:
    digits = network("digits_mlp.toml")
    torch.manual_seed(0)
    model = Attention()
    watched = Watched(model, digits.images, digits.labels)
    with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
        healths = watched.train(torch.optim.AdamW(model.parameters(), 2e-3), 120)
    assert healths["key.bias"].state == "no effect"
    assert {healths[name].state for name in healths if name != "key.bias"} == {"fine"}
    assert set(watched.seen) == {"fine", "no effect"}


class Multiplied(nn.Module):
    """Two layers, the first of which has a bias that is multiplied by zero."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, images: Tensor) -> Tensor:
        hidden = nn.functional.linear(images.flatten(1), self.first.weight, 0 * self.first.bias)
        return self.head(hidden.relu())  # type: ignore[no-any-return]


def test_a_bias_that_nothing_reaches_is_trouble_though_its_weight_learns() -> None:
    digits = network("digits_mlp.toml")
    torch.manual_seed(0)
    model = Multiplied()
    healths = Watched(model, digits.images, digits.labels).train(torch.optim.AdamW(model.parameters(), 2e-3), 120)
    assert {name: health.state for name, health in healths.items() if health.state != "fine"} == {"first.bias": "zero"}
