"""Norms of weights and gradients whose squares overflow, and those that are not finite."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from gradtop.trainer.monitor.instruments.norms import NormRing, Norms, NormSample
from tests.monitor.support import CPU, monitored, set_gradients, small_model, table


def test_weights_whose_squares_overflow_have_their_norm_and_no_step_waits_for_the_device_to_find_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1e30)
    norms = NormRing(model, CPU)
    norms._reads = False  # as on an accelerator
    norms.check_range()

    def wait(_: torch.Tensor) -> bool:
        raise AssertionError("a value was read from the device")

    with monkeypatch.context() as patched:
        for name in ("__bool__", "item", "tolist"):
            patched.setattr(torch.Tensor, name, wait)
        norms.before_step(1, 0.0, updates=True)
        norms.after_step(keep=True)
    batch = norms.send()

    assert batch is not None
    (sample,) = batch.samples()
    assert sample.weights == pytest.approx([1e30 * math.sqrt(parameter.numel()) for parameter in model.parameters()])


def sample_of(norms: NormRing, step: int) -> NormSample:
    norms.before_step(step, 0.0, updates=False)
    norms.after_step(keep=False)
    batch = norms.send()
    assert batch is not None
    (sample,) = batch.samples()
    return sample


def test_gradients_whose_squares_overflow_have_their_norm() -> None:
    model = small_model()
    norms = NormRing(model, CPU)
    expected = set_gradients(model, 1e25)

    assert sample_of(norms, 1).gradients == pytest.approx(expected)
    # What the loss does not depend on is not in the way.
    next(model.parameters()).grad = None
    assert sample_of(norms, 2).gradients == pytest.approx([0.0, *expected[1:]])


def test_where_reading_a_norm_would_wait_it_is_infinite_once_and_then_measured_so_that_it_tells(tmp_path: Path) -> None:
    model, value = small_model(), [1e25]
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: torch.full_like(gradient, value[0]))
    with monitored(tmp_path, model) as (training, run, _):
        (instrument,) = [each for each in training.monitor._instruments if isinstance(each, Norms)]
        instrument._ring._reads = False
        training.lr = 0.0
        training.train(1)
        training.monitor.flush()
        training.train(19)
        value[0] = 1.0
        training.train(60)
        assert instrument._ring._gradient_norm is instrument._ring._norm

    layers = table(run, "layers")
    first, *others = [norm for step, norm in zip(layers["step"], layers["grad_norm/0.weight"], strict=True) if step <= 20]
    assert first == math.inf
    assert others
    assert others == pytest.approx([1e25 * math.sqrt(32)] * len(others))


def test_norms_that_are_not_finite_are_kept_as_they_are() -> None:
    model = small_model()
    norms = NormRing(model, CPU)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    first, second = list(model.parameters())[:2]
    assert first.grad is not None
    assert second.grad is not None
    first.grad[0, 0], second.grad[0] = math.nan, math.inf
    norms.before_step(1, 0.0, updates=False)
    batch = norms.send()

    assert batch is not None
    (sample,) = batch.samples()
    assert math.isnan(sample.gradients[0])
    assert sample.gradients[1] == math.inf
    assert sample.total == math.inf
