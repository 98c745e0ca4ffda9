from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.config.optimizer import Adam, AdamW, OptimizerConfig, Sgd
from trainer.optim import build_optimizer
from trainer.optim import optimizers as optimizers_module

CPU = torch.device("cpu")
CONFIGS: dict[str, OptimizerConfig] = {
    "sgd": Sgd(lr=0.05, momentum=0.9, weight_decay=1e-3),
    "nesterov": Sgd(lr=0.05, momentum=0.8, nesterov=True),
    "plain sgd": Sgd(lr=0.05, momentum=0.0, nesterov=True),
    "adam": Adam(lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=1e-2),
    "adamw": AdamW(lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1),
}


def by_hand(config: OptimizerConfig, weight: torch.Tensor, gradients: list[torch.Tensor]) -> torch.Tensor:
    """The formulas of the papers, in float64."""
    weight = weight.double().clone()
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    for count, measured in enumerate(gradients, 1):
        gradient = measured.double()
        if isinstance(config, AdamW):
            weight = weight * (1 - config.lr * config.weight_decay)
        else:
            gradient += config.weight_decay * weight
        if isinstance(config, Sgd):
            first = gradient if count == 1 else config.momentum * first + gradient
            weight = weight - config.lr * (gradient + config.momentum * first if config.nesterov else first)
            continue
        one, two = config.betas
        first = one * first + (1 - one) * gradient
        second = two * second + (1 - two) * gradient.square()
        root = (second / (1 - two**count)).sqrt() + config.eps
        weight = weight - config.lr * first / (1 - one**count) / root
    return weight


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "not fused"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_five_steps_are_those_of_the_formula(
    config: OptimizerConfig, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fused:
        monkeypatch.setattr(optimizers_module, "_fuses", lambda kind, device, dtype: None)
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 3))
    gradients = [torch.randn(6, 3) for _ in range(5)]
    expected = by_hand(config, weight.detach(), gradients)
    optimizer = build_optimizer(config, [weight], CPU)
    assert optimizer.defaults["fused"] is (True if fused else None)

    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()

    torch.testing.assert_close(weight.detach().double(), expected, atol=2e-6, rtol=2e-6)


def test_a_kernel_that_refuses_the_device_is_not_used() -> None:
    optimizers_module._fuses.cache_clear()

    assert optimizers_module._fuses(AdamWOnPaper, CPU, torch.float32) is None


class AdamWOnPaper(torch.optim.AdamW):
    """An optimizer whose fused kernel fails when it is used, not when it is made."""

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        raise RuntimeError("not implemented for this device")


def test_frozen_parameters_are_known_and_left_alone() -> None:
    torch.manual_seed(0)
    frozen = nn.Linear(3, 2).requires_grad_(False)
    net = nn.Sequential(frozen, nn.Linear(2, 2))
    before = frozen.weight.clone()
    optimizer = build_optimizer(AdamW(), net.parameters(), CPU)

    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()

    assert len(optimizer.param_groups[0]["params"]) == 4
    assert torch.equal(frozen.weight, before)


@pytest.mark.gpu
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_gpu_takes_the_fused_kernel(config: OptimizerConfig) -> None:
    device = torch.device("cuda", 0)

    assert build_optimizer(config, [nn.Parameter(torch.ones(3, device=device))], device).defaults["fused"] is True
