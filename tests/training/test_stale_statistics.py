"""Batch norms that keep the statistics that they began with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradtop.trainer.training.stale_statistics import stale_statistics


def trained(*layers: nn.Module, inputs: Tensor | None = None) -> nn.Module:
    model = nn.Sequential(*layers)
    model(torch.randn(8, 6) if inputs is None else inputs).square().sum().backward()
    return model


def frozen(norm: nn.BatchNorm1d) -> nn.BatchNorm1d:
    for parameter in norm.parameters():
        parameter.requires_grad_(False)
    return norm.eval()


@pytest.mark.parametrize("momentum", [0.1, 1e-6, None])
@pytest.mark.parametrize("inputs", [torch.randn(8, 6), torch.zeros(8, 6)], ids=["drawn", "zeros"])
def test_statistics_that_move_are_not_told_of(momentum: float | None, inputs: Tensor) -> None:
    assert stale_statistics(trained(nn.BatchNorm1d(6, momentum=momentum), inputs=inputs)) is None


def test_a_momentum_of_zero_is_told_of_with_the_first_names() -> None:
    norms = [nn.BatchNorm1d(6, momentum=0.0, affine=number % 2 == 0) for number in range(5)]
    assert stale_statistics(trained(nn.BatchNorm1d(6), *norms)) == {"layers": ["1", "2", "3"], "count": 5, "evaluating": False}


def test_a_layer_that_trains_in_evaluation_mode_is_told_of() -> None:
    assert stale_statistics(trained(nn.Linear(6, 6), nn.BatchNorm1d(6).eval())) == {"layers": ["1"], "count": 1, "evaluating": True}


def known() -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(6).eval()
    norm.running_mean = torch.randn(6)
    return norm


class Unused(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm, self.layer = norm, nn.Linear(6, 6)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "layer",
    [
        known(),
        frozen(nn.BatchNorm1d(6)),
        Unused(nn.BatchNorm1d(6)),
        Unused(nn.BatchNorm1d(6, momentum=0.0)),
        nn.BatchNorm1d(6, track_running_stats=False),
        nn.LayerNorm(6),
    ],
    ids=["pretrained", "frozen", "unused", "unused without momentum", "without statistics", "layer norm"],
)
def test_what_is_meant_so_or_does_not_run_is_not_told_of(layer: nn.Module) -> None:
    assert stale_statistics(trained(nn.Linear(6, 6), layer)) is None
