"""The gradients that the optimizer is given: those of groups of batches, clipped as torch does it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from gradtop.trainer.config import TrainingConfig
from gradtop.trainer.training.step import Compute
from tests.training.features import SGD, gradients, run_of
from tests.training.runs import rows, trained


@pytest.fixture
def passed_on(monkeypatch: pytest.MonkeyPatch) -> list[list[Tensor]]:
    """The gradients that the optimizer is given, step by step."""
    found: list[list[Tensor]] = []
    real = Compute.update

    def update(compute: Compute) -> None:
        found.append(gradients(compute.model))
        real(compute)

    monkeypatch.setattr(Compute, "update", update)
    return found


@pytest.mark.parametrize("more", ["", "label_smoothing = 0.2"])
def test_groups_of_batches_train_as_large_batches_of_the_same_samples(
    tmp_path: Path, passed_on: list[list[Tensor]], more: str
) -> None:
    """60 samples in batches of 8 are 7 and a half of them: groups of 3 batches, and one of 8 and 4 samples."""
    large, small = run_of(tmp_path, more, SGD, batch_size=24), run_of(tmp_path, "accumulate = 3", more, SGD)
    one, other = trained(large), trained(small)

    assert one.step == other.step == 6
    wanted, found = passed_on[:6], passed_on[6:]
    for step in range(6):
        torch.testing.assert_close(found[step], wanted[step], rtol=1e-4, atol=1e-6)
    losses = [[row[1] for row in rows(run, "steps", "loss")] for run in (large, small)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    torch.testing.assert_close(other.model.state_dict(), one.model.state_dict(), rtol=1e-4, atol=1e-6)


def test_a_group_is_not_the_mean_of_its_batches_where_the_last_one_is_shorter() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    compute = Compute(model, torch.optim.SGD(model.parameters()), torch.device("cpu"), TrainingConfig(accumulate=3))
    inputs, targets = torch.randn(7, 4), torch.arange(7) % 3

    loss = compute.backward(list(zip(inputs.split(3), targets.split(3), strict=True)), 0)

    found = gradients(model)
    model.zero_grad()
    wanted = functional.cross_entropy(model(inputs), targets)
    wanted.backward()
    assert loss.item() == pytest.approx(wanted.item())
    torch.testing.assert_close(found, gradients(model))


def unclipped(patched: pytest.MonkeyPatch) -> list[list[Tensor]]:
    """The gradients as they come out of the backward pass, step by step."""
    found: list[list[Tensor]] = []
    real = Compute.unscale

    def unscale(compute: Compute) -> None:
        real(compute)
        found.append(gradients(compute.model))

    patched.setattr(Compute, "unscale", unscale)
    return found


def test_gradients_are_clipped_by_norm_as_torch_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed_on: list[list[Tensor]]) -> None:
    before = unclipped(monkeypatch)
    run = run_of(tmp_path, "clip = 0.9", SGD)
    trained(run)

    clipped = []
    for given, measured in zip(passed_on, before, strict=True):
        twins = [nn.Parameter(torch.zeros_like(gradient)) for gradient in measured]
        for twin, gradient in zip(twins, measured, strict=True):
            twin.grad = gradient.clone()
        norm = clip_grad_norm_(twins, 0.9)
        clipped.append((float(norm), float(norm > 0.9)))
        torch.testing.assert_close(given, [twin.grad for twin in twins], rtol=0, atol=0)
    assert {0.0, 1.0} == {which for _, which in clipped}
    assert [row[1:] for row in rows(run, "steps", "grad_norm", "clipped")] == clipped


def test_gradients_are_clipped_by_value_as_torch_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed_on: list[list[Tensor]]) -> None:
    before = unclipped(monkeypatch)
    trained(run_of(tmp_path, "clip_value = 0.05", SGD))

    for given, measured in zip(passed_on, before, strict=True):
        twins = [nn.Parameter(torch.zeros_like(gradient)) for gradient in measured]
        for twin, gradient in zip(twins, measured, strict=True):
            twin.grad = gradient.clone()
        clip_grad_value_(twins, 0.05)
        torch.testing.assert_close(given, [twin.grad for twin in twins], rtol=0, atol=0)
    assert any(not torch.equal(*pair) for step in zip(passed_on, before, strict=True) for pair in zip(*step, strict=True))
