from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from gradtop.trainer.runtime.errors import NonFinite
from gradtop.trainer.training import nonfinite_guard as guard_module
from gradtop.trainer.training.nonfinite_guard import NonFiniteGuard

NAN, INF = float("nan"), float("inf")


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def gradient(net: nn.Sequential, place: int, name: str = "weight") -> Tensor:
    found = getattr(net[place], name).grad
    assert isinstance(found, Tensor)
    return found


def backward(net: nn.Module) -> Tensor:
    loss = net(torch.ones(2, 4)).square().mean()
    loss.backward()
    return loss  # type: ignore[no-any-return]


def guarded(net: nn.Module, *, deferred: bool = False, read_every: float = 0.0) -> tuple[NonFiniteGuard, torch.optim.Optimizer]:
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)
    now = iter(range(10_000))
    guard = NonFiniteGuard(
        net, optimizer, torch.device("cpu"), deferred=deferred, read_every=read_every, clock=lambda: float(next(now))
    )
    return guard, optimizer


def test_finite_steps_pass_and_leave_the_gradients_alone() -> None:
    net = model()
    guard, _ = guarded(net)
    loss = backward(net)
    before = [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]

    guard.check(1, loss)

    after = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_bad_loss_is_named(value: float) -> None:
    net = model()
    guard, _ = guarded(net)
    backward(net)

    with pytest.raises(NonFinite, match="step 12: the loss is not finite"):
        guard.check(12, torch.tensor(value))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("plain", [False, True])
def test_a_bad_gradient_is_named(value: float, plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if plain:
        monkeypatch.delattr(torch, "_amp_foreach_non_finite_check_and_unscale_")
    net = model()
    guard, _ = guarded(net)
    assert (guard._mark is guard_module._mark_plainly) == plain
    loss = backward(net)
    gradient(net, 2)[1, 1] = value

    with pytest.raises(NonFinite, match=r"step 12: the gradient of 2\.weight is not finite"):
        guard.check(12, loss)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_one_bad_number_among_very_many_is_noticed(value: float) -> None:
    net = nn.Sequential(nn.Linear(1024, 1024, bias=False))
    guard, _ = guarded(net)
    loss = net(torch.ones(2, 1024)).square().mean()
    loss.backward()
    guard.check(4, loss)
    gradient(net, 0)[513, 77] = value

    with pytest.raises(NonFinite, match=r"step 5: the gradient of 0\.weight is not finite"):
        guard.check(5, loss)


def test_finite_numbers_with_a_sum_that_is_not_pass() -> None:
    net = nn.Sequential(nn.Linear(1024, 1024))
    guard, _ = guarded(net)
    loss = net(torch.ones(2, 1024)).square().mean()
    loss.backward()
    gradient(net, 0).fill_(1e38)

    guard.check(4, loss)


def test_a_norm_that_is_known_is_enough_to_notice() -> None:
    net = model()
    guard, _ = guarded(net)
    loss = backward(net)
    gradient(net, 0, "bias")[0] = NAN

    with pytest.raises(NonFinite, match=r"the gradient of 0\.bias"):
        guard.check(3, loss, torch.tensor(NAN))


def test_a_total_norm_whose_squares_overflow_is_computed_without_them() -> None:
    net = model()
    guard, _ = guarded(net)
    loss = backward(net)
    parameters = list(net.parameters())
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 1e25)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]

    norm = guard.check(3, loss, get_total_norm(gradients))

    assert norm is not None
    assert norm.item() == pytest.approx(1e25 * sum(parameter.numel() for parameter in parameters) ** 0.5)
    clip_grads_with_norm_(parameters, 1.0, norm)
    assert get_total_norm(gradients).item() == pytest.approx(1.0)


def test_a_total_norm_that_no_float_holds_is_said_as_such() -> None:
    net = model()
    guard, _ = guarded(net)
    loss = backward(net)
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 3e38)

    with pytest.raises(NonFinite, match="the total gradient norm"):
        guard.check(3, loss, torch.tensor(INF))


def test_the_module_in_which_a_bad_value_arose_is_named_not_those_that_it_reached() -> None:
    net = model()
    guard, _ = guarded(net)
    loss = backward(net)
    for parameter in (*net[0].parameters(), *net[2].parameters()):
        assert parameter.grad is not None
        parameter.grad.fill_(NAN)

    with pytest.raises(NonFinite, match=r"the gradient of 2\.weight \(and 3 more\)"):
        guard.check(3, loss)


def test_a_device_side_guard_freezes_the_weights_until_it_is_read() -> None:
    net = model()
    guard, optimizer = guarded(net, deferred=True, read_every=1e9)
    guard._next_read = 1e9
    for step in range(1, 11):
        optimizer.zero_grad()
        loss = backward(net)
        if step == 6:
            before = [parameter.clone() for parameter in net.parameters()]
            gradient(net, 0)[0, 0] = NAN
        guard.check(step, loss)
        optimizer.step()

    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    with pytest.raises(NonFinite) as caught:
        guard.settle(10)
    assert caught.value.step == 6


def test_a_device_side_guard_notices_a_bad_loss_with_good_gradients() -> None:
    net = model()
    guard, _ = guarded(net, deferred=True)
    backward(net)

    with pytest.raises(NonFinite) as caught:
        guard.check(1, torch.tensor(INF))
    assert caught.value.step == 1


@pytest.mark.parametrize("deferred", [False, True])
def test_a_scaler_skips_no_step_for_an_overflowed_norm_that_can_be_computed_and_never_takes_one_of_zeros(deferred: bool) -> None:
    net = model()
    parameters = list(net.parameters())
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu")
    guard = NonFiniteGuard(net, optimizer, torch.device("cpu"), deferred=deferred, scaled=True, read_every=0.0)
    loss = scaler.scale(net(torch.ones(2, 4)).square().mean())
    loss.backward()
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 1e30)
    scaler.unscale_(optimizer)
    scale = scaler.get_scale()
    before = [parameter.clone() for parameter in parameters]

    norm = guard.check(1, loss, get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None]), tuple(scaler._found_inf_per_device(optimizer).values()))
    assert norm is not None
    clip_grads_with_norm_(parameters, 1.0, norm)
    scaler.step(optimizer)
    scaler.update()

    assert bool(norm.isfinite()) != deferred
    moved = sum((old - new).square().sum().item() for old, new in zip(before, parameters, strict=True)) ** 0.5
    assert moved == pytest.approx(0.0 if deferred else 0.1)
    assert (guard.skipped, guard.streak, scaler.get_scale()) == ((1, 1, scale / 2) if deferred else (0, 0, scale))
    assert bool(optimizer.state) != deferred


def test_a_device_side_guard_takes_no_step_by_an_overflowed_norm() -> None:
    net = model()
    guard, optimizer = guarded(net, deferred=True, read_every=1e9)
    guard._next_read = 1e9
    before = [parameter.clone() for parameter in net.parameters()]
    loss = backward(net)
    guard.check(7, loss, torch.tensor(INF))
    clip_grads_with_norm_(net.parameters(), 1.0, torch.tensor(INF))
    optimizer.step()

    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    with pytest.raises(NonFinite) as caught:
        guard.settle(7)
    assert caught.value.step == 7
