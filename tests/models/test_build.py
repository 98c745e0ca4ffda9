from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradtop.trainer.config import Cnn, Fake, Mlp, ModelConfig, TorchvisionModel
from gradtop.trainer.data.dataset import DataInfo, Dataset
from gradtop.trainer.data.load import load_data
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import describe
from gradtop.trainer.runtime.errors import UserError

GREY = DataInfo(channels=1, size=8, classes=10)
COLOUR = DataInfo(channels=3, size=32, classes=10)


def names(config: ModelConfig, info: DataInfo) -> list[str]:
    with torch.device("meta"):
        return [name for name, _ in build_model(config, info).named_parameters()]


def test_the_names_of_an_mlp_read_well() -> None:
    assert names(Mlp(hidden=(128, 64)), GREY) == [
        "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias", "head.weight", "head.bias",
    ]  # fmt: skip
    assert names(Mlp(hidden=()), GREY) == ["head.weight", "head.bias"]


def test_the_names_of_a_cnn_read_well() -> None:
    assert names(Cnn(channels=(4,)), GREY) == [
        "conv1.weight", "conv1.bias", "norm1.weight", "norm1.bias", "head.weight", "head.bias",
    ]  # fmt: skip


def test_the_checked_counts_are_those_of_what_a_config_names() -> None:
    mlp = describe(build_model(Mlp(hidden=(128,)), DataInfo(1, 28, 10)))
    cnn = describe(build_model(Cnn(channels=(64,), kernel_size=(3,)), COLOUR))

    assert sum(row.count for row in mlp.parameters if row.module == "linear1") == 100_480
    assert sum(row.count for row in cnn.parameters if row.module == "conv1") == 1_792


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh", "leaky_relu", "elu"])
def test_every_activation_can_be_had(activation: str) -> None:
    model = build_model(Mlp.model_validate({"hidden": [4, 4], "activation": activation}), GREY)

    found = [type(module).__name__.lower() for name, module in model.named_modules() if name.startswith(activation)]
    assert found == [activation.replace("_", "")] * 2


@pytest.mark.parametrize("config", [Mlp(), Cnn()], ids=["mlp", "cnn"])
def test_dropout_is_a_module_even_where_it_drops_nothing(config: ModelConfig) -> None:
    """So that it can be changed while the run goes on."""
    model = build_model(config, GREY)
    images = torch.randn(2, 1, 8, 8)
    drops = [module for module in model.modules() if isinstance(module, nn.Dropout)]

    assert drops
    assert {drop.p for drop in drops} == {0.0}
    assert torch.equal(model(images), model(images))
    for drop in drops:
        drop.p = 0.9
    assert not torch.equal(model(images), model(images))


@pytest.mark.parametrize(
    ("size", "stride", "side"), [(8, 1, 8), (8, 2, 4), (9, 1, 5), (28, 1, 7), (32, 1, 8), (33, 1, 7), (224, 2, 8)]
)
def test_the_linear_layer_of_a_cnn_sees_a_small_picture_whatever_the_size_of_the_images(size: int, stride: int, side: int) -> None:
    model = build_model(Cnn(channels=(4,), stride=(stride,)), DataInfo(1, size, 10))

    assert model.get_parameter("head.weight").shape == (10, 4 * side * side)
    assert model(torch.zeros(2, 1, size, size)).shape == (2, 10)


def test_each_convolution_has_numbers_of_its_own() -> None:
    model = build_model(Cnn(channels=(4, 8), kernel_size=(5, 3), stride=(1, 2), padding=(2, 0)), GREY)

    first, second = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    assert (first.kernel_size, first.stride, first.padding) == ((5, 5), (1, 1), (2, 2))
    assert (second.kernel_size, second.stride, second.padding) == ((3, 3), (2, 2), (0, 0))
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_no_parameter_of_a_cnn_is_idle() -> None:
    """A bias before a normalisation would have a gradient of zero, and look like one that vanishes."""
    torch.manual_seed(0)
    model = build_model(Cnn(channels=(4, 4)), GREY)
    functional.cross_entropy(model(torch.randn(16, 1, 8, 8)), torch.arange(16) % 10).backward()  # type: ignore[no-untyped-call]

    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.norm() > 1e-4, name


@pytest.mark.parametrize("config", [Mlp(hidden=(16,)), Cnn(channels=(4,)), TorchvisionModel(name="squeezenet1_1")], ids=lambda one: one.kind)
def test_the_seed_decides_the_weights(config: ModelConfig) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        torch.manual_seed(seed)
        return list(build_model(config, COLOUR).parameters())

    assert all(torch.equal(one, other) for one, other in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(weights(1), weights(2), strict=True))


@pytest.mark.parametrize(
    ("config", "lr"),
    [
        (Mlp(hidden=(16,), dropout=0.1), 0.1),
        (Cnn(channels=(8, 8), dropout=0.1), 0.05),
        (TorchvisionModel(name="resnet18"), 0.01),
        (TorchvisionModel(name="mobilenet_v3_small"), 0.02),
    ],
    ids=lambda value: getattr(value, "name", getattr(value, "kind", "")),
)
def test_each_kind_learns(config: ModelConfig, lr: float) -> None:
    dataset = load_data(Fake(samples=16, classes=4, image_size=32, channels=1), seed=0)
    assert isinstance(dataset, Dataset)
    torch.manual_seed(0)
    model = build_model(config, dataset.info)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for _ in range(10):
        loss = functional.cross_entropy(model(dataset.train_images), dataset.train_labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())

    assert losses[-1] < 0.7 * losses[0]


def test_a_model_that_no_memory_holds_is_told_in_a_sentence() -> None:
    with pytest.raises(UserError) as caught:
        build_model(Mlp(hidden=(1_000_000, 1_000_000, 1_000_000)), DataInfo(64, 4_096, 10))

    assert str(caught.value) == "not enough memory for a mlp of this size; make the model smaller"
