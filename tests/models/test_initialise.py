"""Initialisation: what each kind draws has the variance of its formula, and nothing else is touched."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from gradtop.trainer.config import InitConfig, LanguageModel, Mlp, Shared, parse_config, sections
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.init_config import (
    DefaultInit,
    Fan,
    KaimingNormal,
    KaimingUniform,
    Nonlinearity,
    Normal,
    Orthogonal,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from gradtop.trainer.models.initialise import initialise

WIDTH = 96
# torch's own fans: of a kernel, its channels times its window; of an embedding, as of any matrix, its columns and its rows.
LAYERS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "linear": (lambda: nn.Linear(200, 60), 200, 60),
    "convolution": (lambda: nn.Conv2d(24, 40, 5), 24 * 25, 40 * 25),
    "embedding": (lambda: nn.Embedding(70, 150), 150, 70),
    "attention": (lambda: nn.MultiheadAttention(WIDTH, 4), WIDTH, WIDTH),
}
EVERY = [
    DefaultInit(),
    XavierUniform(gain=1.4),
    XavierNormal(gain=0.7),
    *(kind(fan=fan, nonlinearity=which) for kind in (KaimingUniform, KaimingNormal) for fan in get_args(Fan) for which in get_args(Nonlinearity)),
    Normal(std=0.05),
    Orthogonal(gain=1.3),
    Zeros(),
]
DRAWN = [config for config in EVERY if isinstance(config, XavierUniform | XavierNormal | KaimingUniform | KaimingNormal | Normal)]


def called(config: object) -> str:
    return " ".join(map(str, vars(config).values())).strip()


def deviation(config: InitConfig, fan_in: int, fan_out: int) -> float:
    """The standard deviation that the papers give."""
    match config:
        case XavierUniform() | XavierNormal():
            return config.gain * math.sqrt(2 / (fan_in + fan_out))
        case KaimingUniform() | KaimingNormal():
            gain = nn.init.calculate_gain(config.nonlinearity, 0.01)
            return gain / math.sqrt({"fan_in": fan_in, "fan_out": fan_out}[config.fan])
        case Normal():
            return config.std
        case _:
            raise AssertionError(config)


def matrices(module: nn.Module) -> list[Tensor]:
    """The weights of a layer, each of the three that attention keeps in one by itself."""
    found = [parameter for name, parameter in module.named_parameters() if name.endswith("weight")]
    return [each for parameter in found for each in (parameter.chunk(3) if len(parameter) == 3 * WIDTH else (parameter,))]


def started(config: InitConfig, module: nn.Module) -> list[str]:
    torch.manual_seed(0)
    return initialise(config, module)


def test_every_kind_is_tried_here() -> None:
    (part,) = [part for part in sections() if part.name == "init"]

    assert {config.kind for config in EVERY} == set(part.kinds)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("config", DRAWN, ids=called)
def test_the_variance_is_that_of_the_formula(config: InitConfig, layer: str) -> None:
    make, fan_in, fan_out = LAYERS[layer]
    module = make()
    started(config, module)

    weights = matrices(module)
    assert len(weights) == (4 if layer == "attention" else 1)
    for weight in weights:
        expected, count = deviation(config, fan_in, fan_out), weight.numel()
        # Of the mean, and of the variance: that of a normal's is 2 / n of its square, that of a uniform's less.
        assert abs(weight.mean().item()) < 5 * expected / math.sqrt(count)
        assert weight.var().item() / expected**2 == pytest.approx(1, abs=5 * math.sqrt(2 / count))
        furthest = weight.abs().max().item() / expected
        if config.kind.endswith("uniform"):
            assert 0.98 * math.sqrt(3) < furthest <= math.sqrt(3) * 1.0001
        else:
            assert furthest > 2.5


@pytest.mark.parametrize("layer", LAYERS)
def test_orthogonal_matrices_keep_lengths_but_for_the_gain(layer: str) -> None:
    module = LAYERS[layer][0]()
    started(Orthogonal(gain=1.3), module)

    for weight in matrices(module):
        flat = weight.detach().flatten(1)
        short = flat if flat.shape[0] <= flat.shape[1] else flat.T
        torch.testing.assert_close(short @ short.T, 1.3**2 * torch.eye(len(short)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", [*DRAWN, Orthogonal(), Zeros()], ids=called)
def test_biases_are_zero_and_norms_neither_scale_nor_shift(config: InitConfig) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(36, 8), nn.LayerNorm(8), nn.MultiheadAttention(8, 2)
    )
    position = nn.Parameter(torch.full((3, 8), 0.5))
    model.register_parameter("position", position)
    (said,) = started(config, model)

    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            assert torch.equal(module.weight, torch.ones_like(module.weight))
    assert torch.equal(position, torch.full((3, 8), 0.5))
    assert said == f"{config.kind} on 6 weights; 4 biases are zero; as the model made them: norms, position"


def test_the_scale_of_a_norm_is_no_matrix_whatever_its_shape() -> None:
    model = nn.Sequential(nn.LayerNorm((4, 6)), nn.RMSNorm((4, 6)), nn.Flatten(), nn.Linear(24, 3))

    assert started(Normal(std=5.0), model)[0].startswith("normal on 1 weights; 1 biases are zero")
    assert all(torch.equal(model.get_parameter(f"{place}.weight"), torch.ones(4, 6)) for place in (0, 1))


@pytest.mark.parametrize(
    ("layer", "gates"),
    [(nn.RNN(30, 50), 1), (nn.GRU(30, 50), 3), (nn.LSTM(30, 50, num_layers=2), 4), (nn.LSTM(30, 50, proj_size=40), 4), (nn.LSTMCell(30, 50), 4)],
    ids=str,
)
def test_each_gate_of_a_recurrent_layer_is_a_matrix(layer: nn.Module, gates: int) -> None:
    started(Orthogonal(), layer)

    for name, parameter in layer.named_parameters():
        if name.startswith("bias"):
            assert not parameter.any()
            continue
        for gate in parameter.detach().chunk(1 if "weight_hr" in name else gates):
            short = gate if gate.shape[0] <= gate.shape[1] else gate.T
            torch.testing.assert_close(short @ short.T, torch.eye(len(short)), atol=1e-5, rtol=0)


class ChannelNorm(nn.Module):
    """A norm as people write it, with scale and shift for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.full((channels, 1, 1), 0.1))


class Projection(nn.Module):
    """A matrix of the user's."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 4))
        self.bias = nn.Parameter(torch.ones(6))
        self.temperature = nn.Parameter(torch.tensor(2.0))


def test_what_is_no_weight_keeps_what_the_model_gave_it_and_is_named() -> None:
    norm, projection, fixed = ChannelNorm(3), Projection(), nn.Linear(4, 2)
    for parameter in fixed.parameters():
        parameter.requires_grad_(False)
    before = fixed.weight.clone()
    (said,) = started(Normal(std=3.0), nn.ModuleDict({"norm": norm, "projection": projection, "fixed": fixed}))

    assert torch.equal(norm.weight, torch.ones(3, 1, 1))
    assert torch.equal(norm.bias, torch.full((3, 1, 1), 0.1))
    assert projection.weight.std() > 1.5
    assert not projection.bias.any()
    assert projection.temperature == 2.0
    assert torch.equal(fixed.weight, before)
    assert said == "normal on 1 weights; 1 biases are zero; as the model made them: norm.weight, norm.bias, projection.temperature, fixed.weight, fixed.bias"


@pytest.mark.parametrize("make", [nn.Embedding, nn.EmbeddingBag])
def test_the_padding_row_of_an_embedding_stays_zero(make: Callable[..., nn.Embedding | nn.EmbeddingBag]) -> None:
    layer = make(10, 4, padding_idx=2)
    started(Normal(), layer)

    assert not layer.weight[2].any()
    assert layer.weight[[row for row in range(10) if row != 2]].all()


def test_zeros_are_zeros() -> None:
    model = build_model(Mlp(hidden=(5, 4)), DataInfo(1, 4, 3))
    started(Zeros(), model)

    assert not any(parameter.any() for parameter in model.parameters())


def test_the_default_leaves_what_torch_made_and_says_nothing() -> None:
    model = nn.Linear(4, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    assert started(DefaultInit(), model) == []
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Counting:
    """Counts what is drawn."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.sizes: list[tuple[int, ...]] = []

    def __call__(self, tensor: Tensor, *arguments: Any, **keywords: Any) -> Tensor:
        self.sizes.append(tuple(tensor.shape))
        return self.real(tensor, *arguments, **keywords)  # type: ignore[no-any-return]


def test_a_tied_and_a_shared_weight_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    language = build_model(LanguageModel(num_layers=1, hidden_size=8, num_heads=2, context=4), DataInfo(0, 0, 11))
    shared = build_model(Shared(hidden_size=6, num_layers=5), DataInfo(1, 4, 3))
    counting = Counting(nn.init.normal_)
    monkeypatch.setattr(nn.init, "normal_", counting)

    (said_of_language,) = started(Normal(), language)
    (said_of_shared,) = started(Normal(), shared)

    # The embedding, attention's three and its output, two of the multilayer perceptron; then inlet, shared and head.
    assert counting.sizes == [(11, 8), (8, 8), (8, 8), (8, 8), (8, 8), (32, 8), (8, 32), (6, 16), (6, 6), (3, 6)]
    assert said_of_language.startswith("normal on 7 weights; 4 biases are zero")
    assert said_of_shared.startswith("normal on 3 weights; 7 biases are zero")
    assert language.get_submodule("head").weight is language.get_submodule("embed").weight


def test_the_seed_decides_what_is_drawn() -> None:
    one, same = nn.Linear(9, 9), nn.Linear(9, 9)
    started(XavierNormal(), one)
    started(XavierNormal(), same)
    assert torch.equal(one.weight, same.weight)
    initialise(XavierNormal(), same)
    assert not torch.equal(one.weight, same.weight)


@pytest.mark.parametrize("nonlinearity", get_args(Nonlinearity))
@pytest.mark.parametrize("fan", get_args(Fan))
def test_kaiming_is_what_torch_draws_with_that_fan_and_gain(fan: str, nonlinearity: Nonlinearity) -> None:
    config = parse_config(f'[init]\nkind = "kaiming_normal"\nfan = "{fan}"\nnonlinearity = "{nonlinearity}"').init
    layer = nn.Linear(30, 20)
    started(config, layer)
    torch.manual_seed(0)
    drawn = torch.randn(20, 30)

    gain = nn.init.calculate_gain(nonlinearity, 0.01)
    torch.testing.assert_close(layer.weight.detach(), drawn * gain / math.sqrt({"fan_in": 30, "fan_out": 20}[fan]))
