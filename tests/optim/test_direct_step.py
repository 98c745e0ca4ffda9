from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from gradtop.trainer.optim.direct_step import (
    DirectAdam,
    DirectAdamW,
    DirectSGD,
    DirectStep,
    begin_momentum,
    direct_class,
)
from gradtop.trainer.optim.optimizer import build_optimizer
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.optim.optimizers.adam import Adam as AdamConfig
from gradtop.trainer.optim.optimizers.adamw import AdamW as AdamWConfig
from gradtop.trainer.optim.optimizers.sgd import Sgd

CPU = torch.device("cpu")
CONFIGS: list[OptimizerConfig] = [Sgd(momentum=0.9), AdamConfig(), AdamWConfig()]
KINDS: Mapping[type[Optimizer], type[DirectStep]] = {SGD: DirectSGD, Adam: DirectAdam, AdamW: DirectAdamW}
RATES = st.sampled_from([0.0, 1e-3, 0.1, 0.5, 0.9])
SHAPES = st.lists(st.lists(st.integers(0, 5), max_size=3).map(tuple), min_size=1, max_size=5)
CHANGES = st.one_of(
    st.tuples(st.just("frozen"), st.sets(st.integers(0, 4))),
    st.tuples(st.just("lr"), st.sampled_from([1e-3, 0.1, 1.0])),
    st.tuples(st.just("weight_decay"), RATES),
    st.tuples(st.just("momentum"), RATES),
    st.tuples(st.just("nesterov"), st.booleans()),
    st.tuples(st.just("betas"), st.tuples(RATES, RATES)),
    st.tuples(st.just("maximize"), st.booleans()),
    st.tuples(st.just("amsgrad"), st.booleans()),
    st.tuples(st.just("load"), st.none()),
    st.tuples(st.just("copy"), st.none()),
    st.tuples(st.just("entry"), st.integers(0, 4)),
    st.tuples(st.just("forget"), st.integers(0, 4)),
    st.tuples(st.just("hook"), st.none()),
    st.tuples(st.just("flag"), st.sampled_from([0.0, 1.0])),
    st.tuples(st.just("step"), st.none()),
)


def made(kind: Any, shapes: list[tuple[int, ...]], fields: Mapping[str, object]) -> Optimizer:
    """Two groups where there are several parameters, the second without weight decay."""
    generator = torch.Generator().manual_seed(7)
    weights = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    groups: list[dict[str, Any]] = [{"params": weights[:2]}, {"params": weights[2:], "weight_decay": 0.0}]
    optimizer: Optimizer = kind([group for group in groups if group["params"]], fused=True, **fields)
    if type(optimizer) is SGD:
        optimizer.register_step_pre_hook(lambda *_: begin_momentum(optimizer))
    return optimizer


def weights_of(optimizer: Optimizer) -> list[Tensor]:
    return [each for group in optimizer.param_groups for each in group["params"]]


def change(optimizer: Optimizer, name: str, value: Any, frozen: set[int]) -> Optimizer:
    """The optimizer that goes on from there."""
    weights = weights_of(optimizer)
    if name == "frozen":
        frozen.clear()
        frozen.update(value)
    elif name == "load":
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    elif name == "copy" and type(optimizer) is not SGD and not isinstance(optimizer, DirectSGD):  # the hook of the reference is not copied
        return copy.deepcopy(optimizer)
    elif name == "entry" and value < len(weights) and weights[value] in optimizer.state:
        optimizer.state[weights[value]] = {key: kept.clone() for key, kept in optimizer.state[weights[value]].items() if kept is not None}
    elif name == "forget" and value < len(weights):
        optimizer.state.pop(weights[value], None)
    elif name == "amsgrad":
        if not optimizer.state:
            optimizer.param_groups[-1]["amsgrad"] = value
    elif name == "hook":
        optimizer.register_step_post_hook(lambda *_: None)
    elif name == "flag":
        optimizer.found_inf = torch.tensor(value)  # type: ignore[attr-defined]
    elif name in optimizer.param_groups[0] and name != "step":
        optimizer.param_groups[0][name] = value
    return optimizer


def step(optimizer: Optimizer, number: int, frozen: set[int]) -> None:
    generator = torch.Generator().manual_seed(number)
    for place, weight in enumerate(weights_of(optimizer)):
        gradient = torch.randn(weight.shape, generator=generator)
        weight.grad = None if place in frozen else gradient
    optimizer.step()


def same(one: object, other: object) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one.nan_to_num(9e9), other.nan_to_num(9e9))
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return isinstance(other, list | tuple) and len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(kind=st.sampled_from([SGD, Adam, AdamW]), shapes=SHAPES, momentum=RATES, decay=RATES, changes=st.lists(CHANGES, min_size=3, max_size=12))
def test_weights_and_state_are_those_of_torch_bit_for_bit(kind: type[Optimizer], shapes: list[tuple[int, ...]], momentum: float, decay: float, changes: list[tuple[str, Any]]) -> None:
    fields = {"lr": 0.1, "weight_decay": decay} | ({"momentum": momentum} if kind is SGD else {})
    theirs, ours = made(kind, shapes, fields), made(KINDS[kind], shapes, fields)
    frozen: tuple[set[int], set[int]] = (set(), set())
    for number, (name, value) in enumerate(changes):
        theirs, ours = (change(each, name, value, away) for each, away in zip((theirs, ours), frozen, strict=True))
        for each, away in zip((theirs, ours), frozen, strict=True):
            step(each, number, away)
        assert same([each.detach() for each in weights_of(ours)], [each.detach() for each in weights_of(theirs)])
        assert same(ours.state_dict(), theirs.state_dict())


@contextmanager
def steps_of_torch(monkeypatch: pytest.MonkeyPatch, optimizer: Optimizer) -> Iterator[list[int]]:
    """As many ones as steps have been left to torch."""
    assert isinstance(optimizer, DirectStep)
    kind, counted = type(optimizer), list[int]()
    before = kind.torch_step

    def counting(*arguments: Any) -> object:
        counted.append(1)
        return before(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "torch_step", staticmethod(counting))
        yield counted


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_all_steps_but_the_first_are_direct(config: OptimizerConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(3, 2)
    optimizer = build_optimizer(config, model, CPU)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    with steps_of_torch(monkeypatch, optimizer) as left:
        for _ in range(5):
            model(torch.ones(1, 3)).sum().backward()
            optimizer.step()
            schedule.step()
        assert len(left) == 1
        optimizer.load_state_dict(optimizer.state_dict())
        optimizer.param_groups[0]["lr"] = 0.5
        model.bias.grad = None
        optimizer.step()
        assert len(left) == 1


def with_hook(optimizer: Optimizer) -> Callable[[], None]:
    return optimizer.register_step_pre_hook(lambda *_: None).remove


def with_global_hook(_: Optimizer) -> Callable[[], None]:
    return register_optimizer_step_post_hook(lambda *_: None).remove


def with_profiler(_: Optimizer) -> Callable[[], None]:
    profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU])
    profiler.start()

    def end() -> None:
        profiler.stop()
        assert any(event.name.startswith("Optimizer.step#") for event in profiler.events() or ())

    return end


def with_scale(optimizer: Any) -> Callable[[], None]:
    optimizer.grad_scale = torch.tensor(2.0)
    return lambda: delattr(optimizer, "grad_scale")


def with_tensor_lr(optimizer: Optimizer) -> Callable[[], None]:
    optimizer.param_groups[0]["lr"] = torch.tensor(0.1)
    return lambda: optimizer.param_groups[0].update(lr=0.1)


@pytest.mark.parametrize("unusual", [with_hook, with_global_hook, with_profiler, with_scale, with_tensor_lr])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_what_is_unusual_is_left_to_torch_as_long_as_it_lasts(config: OptimizerConfig, unusual: Callable[[Optimizer], Callable[[], None]], monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(3, 2)
    optimizer = build_optimizer(config, model, CPU)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    with steps_of_torch(monkeypatch, optimizer) as left:
        end = unusual(optimizer)
        optimizer.step()
        assert len(left) == 1
        end()
        optimizer.step()
        assert len(left) == 1


def test_a_closure_is_evaluated_once_and_gives_its_loss() -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = DirectSGD([weight], lr=0.1, fused=True)
    weight.grad = torch.ones(2)
    asked = []
    assert optimizer.step(lambda: asked.append(1) or 3.0) == 3.0  # type: ignore[func-returns-value]
    assert asked == [1]


def test_sparse_gradients_are_refused_by_torch() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = DirectSGD([weight], lr=0.1, fused=True)
    weight.grad = torch.ones(2, 2).to_sparse()
    with pytest.raises(RuntimeError, match="sparse"):
        optimizer.step()


def refused(*_: object) -> None:
    raise TypeError("_fused_adamw_() got an unexpected keyword argument")


@pytest.mark.parametrize("call", [refused, lambda *_: ()], ids=["another signature", "another result"])
def test_a_torch_whose_kernels_differ_keeps_its_own_class(call: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    choose = direct_class.__wrapped__
    assert choose(AdamW, CPU, torch.float32) is DirectAdamW
    assert choose(torch.optim.RMSprop, CPU, torch.float32) is torch.optim.RMSprop
    monkeypatch.setattr(DirectAdamW, "call", call)
    assert choose(AdamW, CPU, torch.float32) is AdamW


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_a_gpu_takes_the_same_steps(kind: Any) -> None:
    device = torch.device("cuda")
    assert direct_class(kind, device, torch.float32) is KINDS[kind]
    found = []
    made_of: tuple[Any, Any] = (kind, KINDS[kind])
    for each in made_of:
        torch.manual_seed(0)
        weight: Any = nn.Parameter(torch.randn(8, 8, device=device))
        fields: Any = {"momentum": 0.9} if kind is SGD else {}
        optimizer = each([weight], lr=0.1, fused=True, **fields)
        for number in range(6):
            weight.grad = torch.randn(8, 8, device=device)
            optimizer.found_inf = torch.tensor(float(number == 3), device=device)
            optimizer.step()
        found.append((weight.detach().cpu(), copy.deepcopy(optimizer.state_dict()["state"])))
    assert same(found[0][0], found[1][0])
    assert same(found[0][1][0], found[1][1][0])
