from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradtop.trainer.optim import optimizer as optimizers_module
from gradtop.trainer.optim.lr_scheduler import build_schedule, scale
from gradtop.trainer.optim.optimizer import build_optimizer, named_parameters, state_by_name
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.optim.optimizers.adagrad import Adagrad
from gradtop.trainer.optim.optimizers.adam import Adam
from gradtop.trainer.optim.optimizers.adamw import AdamW
from gradtop.trainer.optim.optimizers.muon import Muon
from gradtop.trainer.optim.optimizers.muon.optimizer import split
from gradtop.trainer.optim.optimizers.nadam import NAdam
from gradtop.trainer.optim.optimizers.radam import RAdam
from gradtop.trainer.optim.optimizers.rmsprop import RmsProp
from gradtop.trainer.optim.optimizers.sgd import Sgd
from gradtop.trainer.optim.schedules.cosine import CosineSchedule
from gradtop.trainer.runtime.errors import UserError

CPU = torch.device("cpu")
CONFIGS: dict[str, OptimizerConfig] = {
    "sgd": Sgd(lr=0.05, momentum=0.9, weight_decay=1e-3),
    "dampened sgd": Sgd(lr=0.05, momentum=0.9, dampening=0.3),
    "nesterov": Sgd(lr=0.05, momentum=0.8, nesterov=True),
    "plain sgd": Sgd(lr=0.05, momentum=0.0, nesterov=False),
    "adam": Adam(lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=1e-2),
    "amsgrad": Adam(lr=0.01, betas=(0.8, 0.5), amsgrad=True),
    "adamw": AdamW(lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1),
    "nadam": NAdam(lr=0.01, betas=(0.8, 0.99), weight_decay=1e-2, momentum_decay=0.01),
    "radam": RAdam(lr=0.01, betas=(0.8, 0.9), weight_decay=1e-2),
    "rmsprop": RmsProp(lr=0.01, alpha=0.9, weight_decay=1e-2),
    "centered rmsprop with momentum": RmsProp(lr=0.01, alpha=0.9, momentum=0.8, centered=True, eps=1e-4),
    "adagrad": Adagrad(lr=0.05, lr_decay=0.1, initial_accumulator_value=0.2, weight_decay=1e-2),
}
FUSED = {"sgd", "adam", "adamw", "adagrad"}


class Hand:
    """The formulas of the papers, in float64, a step at a time."""

    def __init__(self, config: OptimizerConfig, weight: torch.Tensor) -> None:
        self.config, self.weight, self.count = config, weight.double().clone(), 0
        self.first, self.second, self.third = (torch.zeros_like(self.weight) for _ in range(3))
        self.product = 1.0

    def step(self, measured: torch.Tensor) -> None:
        config, self.count = self.config, self.count + 1
        gradient = measured.double()
        if isinstance(config, AdamW):
            self.weight = self.weight * (1 - config.lr * config.weight_decay)
        else:
            gradient = gradient + config.weight_decay * self.weight
        match config:
            case Sgd():
                kept = 1.0 if self.count == 1 else 1 - config.dampening
                self.first = config.momentum * self.first + kept * gradient
                self._move(gradient + config.momentum * self.first if config.nesterov else self.first)
            case RmsProp():
                self.second = config.alpha * self.second + (1 - config.alpha) * gradient.square()
                self.third = config.alpha * self.third + (1 - config.alpha) * gradient
                root = (self.second - (self.third.square() if config.centered else 0)).sqrt() + config.eps
                self.first = config.momentum * self.first + gradient / root
                self._move(self.first)
            case Adagrad():
                if self.count == 1:
                    self.second += config.initial_accumulator_value
                self.second = self.second + gradient.square()
                self._move(gradient / (self.second.sqrt() + config.eps) / (1 + (self.count - 1) * config.lr_decay))
            case _:
                self._adam(config, gradient)

    def _adam(self, config: OptimizerConfig, gradient: torch.Tensor) -> None:
        assert isinstance(config, Adam | AdamW | NAdam | RAdam)
        count, (one, two) = self.count, config.betas
        self.first = one * self.first + (1 - one) * gradient
        self.second = two * self.second + (1 - two) * gradient.square()
        if isinstance(config, NAdam):
            now, after = (one * (1 - 0.5 * 0.96 ** (step * config.momentum_decay)) for step in (count, count + 1))
            self.product *= now
            ahead = after * self.first / (1 - self.product * after) + (1 - now) * gradient / (1 - self.product)
            self._move(ahead / ((self.second / (1 - two**count)).sqrt() + config.eps))
            return
        corrected = self.first / (1 - one**count)
        if isinstance(config, RAdam):
            most = 2 / (1 - two) - 1
            length = most - 2 * count * two**count / (1 - two**count)
            if length <= 5:
                self._move(corrected)
                return
            rectified = math.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
            self._move(corrected * rectified * math.sqrt(1 - two**count) / (self.second.sqrt() + config.eps))
            return
        if config.amsgrad:
            self.third = torch.maximum(self.third, self.second)
        self._move(corrected / (((self.third if config.amsgrad else self.second) / (1 - two**count)).sqrt() + config.eps))

    def _move(self, direction: torch.Tensor) -> None:
        self.weight = self.weight - self.config.lr * direction


class OneWeight(nn.Module):
    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "not fused"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_eight_steps_are_those_of_the_formula(
    config: OptimizerConfig, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fused:
        monkeypatch.setattr(optimizers_module, "_fuses", lambda kind, device, dtype: None)
    torch.manual_seed(0)
    model = OneWeight(torch.randn(6, 3))
    by_hand = Hand(config, model.weight.detach())
    optimizer = build_optimizer(config, model, CPU)
    if config.kind in FUSED:
        assert optimizer.defaults["fused"] is (True if fused else None)

    for _ in range(8):
        model.weight.grad = torch.randn(6, 3)
        by_hand.step(model.weight.grad)
        optimizer.step()

    torch.testing.assert_close(model.weight.detach().double(), by_hand.weight, atol=3e-6, rtol=3e-6)


@pytest.mark.parametrize(
    ("name", "implementation"), [(name, each) for name, config in CONFIGS.items() for each in ("foreach", "for_loop", "fused") if each != "fused" or config.kind in FUSED]
)
def test_every_implementation_takes_the_same_steps(name: str, implementation: str) -> None:
    config = CONFIGS[name]
    models = [net(), net()]
    optimizers = [build_optimizer(config.model_copy(update={"implementation": each}), model, CPU) for each, model in zip(("for_loop", implementation), models, strict=True)]
    assert optimizers[0].defaults["foreach"] is False
    assert (optimizers[1].defaults["fused" if implementation == "fused" else "foreach"]) is (implementation != "for_loop")
    for step in range(4):
        for model, optimizer in zip(models, optimizers, strict=True):
            model.zero_grad()
            model(torch.full((2, 4), 0.1 + step)).square().sum().backward()
            optimizer.step()
    for mine, other in zip(models[1].parameters(), models[0].parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


def test_a_fused_kernel_that_is_asked_for_and_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers_module, "_fuses", lambda kind, device, dtype: None)
    with pytest.raises(UserError, match=r"implementation = fused: torch .* has no fused AdamW for these parameters on cpu"):
        build_optimizer(AdamW(implementation="fused"), net(), CPU)


def test_a_kernel_that_refuses_the_device_is_not_used() -> None:
    optimizers_module._fuses.cache_clear()

    assert optimizers_module._fuses(AdamWOnPaper, CPU, torch.float32) is None


class AdamWOnPaper(torch.optim.AdamW):
    """An optimizer whose fused kernel fails when it is used, not when it is made."""

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        raise RuntimeError("not implemented for this device")


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))


@pytest.mark.parametrize("config", [*CONFIGS.values(), Muon()], ids=[*CONFIGS, "muon"])
def test_frozen_parameters_are_known_and_left_alone(config: OptimizerConfig) -> None:
    model = net()
    frozen = model.get_parameter("0.weight").requires_grad_(False)
    before = frozen.clone()
    optimizer = build_optimizer(config, model, CPU)

    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()

    assert {name for name, _ in named_parameters(optimizer)} == {name for name, _ in model.named_parameters()}
    assert torch.equal(frozen, before)


@pytest.mark.parametrize("kind", [Sgd, Adam, AdamW, NAdam, RAdam, RmsProp, Adagrad, Muon])
def test_without_decay_all_biases_and_norms_are_kept_from_weight_decay(kind: Callable[..., OptimizerConfig]) -> None:
    model = net()
    optimizer = build_optimizer(kind(weight_decay=0.5, decay_all=False), model, CPU)
    vectors = {name for name, parameter in model.named_parameters() if parameter.dim() < 2}

    spared = {name for group in optimizer.param_groups if group.get("decays") is False for name in group["param_names"]}
    decay = {name: group["weight_decay"] for group in optimizer.param_groups for name in group["param_names"]}

    assert spared == vectors
    assert all(decay[name] == (0.0 if name in vectors else 0.5) for name in decay)


def test_muon_takes_the_hidden_matrices_and_adamw_all_else() -> None:
    model = net()
    hidden, others = split(model)

    assert [name for name, _ in hidden] == ["0.weight", "2.weight"]
    assert {name for name, _ in others} == {"0.bias", "1.weight", "1.bias", "2.bias", "4.weight", "4.bias"}


def test_muon_and_its_adamw_step_as_they_would_by_themselves() -> None:
    config = Muon(lr=0.02, weight_decay=0.1)
    model, twin = net(), net()
    optimizer = build_optimizer(config, model, CPU)
    hidden, others = split(twin)
    alone = [
        torch.optim.Muon([each for _, each in hidden], lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([each for _, each in others], lr=0.02, weight_decay=0.1),
    ]
    for step in range(4):
        inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(step))
        for each in (model, twin):
            each.zero_grad()
            each(inputs).square().sum().backward()
        optimizer.step()
        for one in alone:
            one.step()

    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimizer.zero_grad()
        model(torch.randn(5, 4, generator=torch.Generator().manual_seed(step))).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("config", [*CONFIGS.values(), Muon()], ids=[*CONFIGS, "muon"])
def test_a_state_put_back_goes_on_bit_for_bit(config: OptimizerConfig) -> None:
    model = net()
    optimizer = build_optimizer(config, model, CPU)
    train(model, optimizer, range(3))
    twin = net()
    twin.load_state_dict(model.state_dict())
    other = build_optimizer(config, twin, CPU)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))

    train(model, optimizer, range(3, 6))
    train(twin, other, range(3, 6))

    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), twin.parameters(), strict=True))
    if optimizer.state_dict()["state"]:
        assert state_by_name(other.state_dict()).keys() == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("dampening", [0.0, 0.5])
def test_a_parameter_that_thaws_gets_a_momentum_of_its_own_beside_those_that_have_one(dampening: float) -> None:
    model = net()
    frozen = model.get_parameter("0.weight").requires_grad_(False)
    optimizer = build_optimizer(Sgd(lr=0.01, momentum=0.9, dampening=dampening), model, CPU)
    assert optimizer.defaults["fused"] is True
    train(model, optimizer, range(2))
    frozen.requires_grad_(True)
    weight = frozen.detach().clone()
    train(model, optimizer, range(2, 3))

    assert frozen.grad is not None
    torch.testing.assert_close(frozen.detach(), weight - 0.01 * (1 - dampening) * frozen.grad)
    assert optimizer.state[frozen]["momentum_buffer"].isfinite().all()


def test_a_first_step_that_a_scaler_skips_leaves_no_momentum_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    # What memory holds that nobody has filled.
    monkeypatch.setattr(torch, "empty_like", lambda tensor, **_: torch.full_like(tensor, 7.0))
    model = net()
    optimizer = build_optimizer(Sgd(lr=0.01, momentum=0.9), model, CPU)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    scaler = torch.amp.GradScaler("cpu")

    scaler.scale(model(torch.ones(1, 4)).sum() * math.inf).backward()
    scaler.step(optimizer)
    scaler.update()

    assert all(torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))
    assert not any(state["momentum_buffer"].any() for state in optimizer.state.values())


def test_schedules_and_changes_reach_both_parts_of_muon_also_after_a_load() -> None:
    model = net()
    optimizer = build_optimizer(Muon(lr=0.1), model, CPU)
    schedule = build_schedule(CosineSchedule(), optimizer, total_steps=10, steps_per_epoch=5)
    train(model, optimizer, range(1))
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(3):
        schedule.step()
    scale(optimizer, schedule, 0.5)

    expected = 0.05 * (1 + math.cos(math.pi * 3 / 9)) / 2
    parts = optimizer._parts  # type: ignore[attr-defined]
    assert [group["lr"] for part in parts for group in part.param_groups] == pytest.approx([expected] * 2)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    train(model, optimizer, range(1, 2))
    assert all(torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(FUSED - {"adagrad"}))
def test_a_gpu_takes_the_fused_kernel(name: str) -> None:
    device = torch.device("cuda", 0)

    assert build_optimizer(CONFIGS[name], OneWeight(torch.ones(3, device=device)), device).defaults["fused"] is True
