"""Losses and metrics of numbers, against scikit-learn and plain torch."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.regression import RegressionTask
from gradtop.trainer.tasks.kinds.regression.regressor import Regressor, scale_note
from tests.support import Later

sklearn_dummy = Later("sklearn.dummy")
sklearn_metrics = Later("sklearn.metrics")

SEEDS = st.integers(0, 2**31)


def regressor(targets: torch.Tensor, **fields: object) -> Regressor:
    made = Regressor(RegressionTask(**fields), targets[0].numel())  # type: ignore[arg-type]
    made.fit(targets)
    return made


def drawn(seed: int, samples: int, targets: int) -> torch.Tensor:
    """Of scales and offsets that differ."""
    generator = torch.Generator().manual_seed(seed)
    scale = 10 ** (4 * torch.rand(targets, generator=generator) - 2)
    return (torch.randn(samples, targets, generator=generator) + 3 * torch.randn(targets, generator=generator)) * scale


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(1, 4), st.integers(2, 40), st.integers(1, 12))
def test_metrics_are_those_of_scikit_learn_whatever_the_batches(seed: int, targets: int, samples: int, batch: int) -> None:
    training, wanted = drawn(seed, 30, targets), drawn(seed, 30 + samples, targets)[30:]
    task = regressor(training)
    outputs = torch.randn(samples, targets, generator=torch.Generator().manual_seed(seed + 1))
    meter = task.meter()
    for some, these in zip(outputs.split(batch), wanted.split(batch), strict=True):
        meter.add(some, these)
    score = meter.result()
    predicted, constant = task.in_units(outputs).double(), sklearn_dummy.DummyRegressor().fit(torch.zeros(30, 1), training).predict(torch.zeros(samples, 1))
    for found, said in ((score.further, predicted), (score.baselines, torch.as_tensor(constant).reshape(samples, targets))):
        assert found["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(wanted, said), rel=1e-4)
        assert found["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(wanted, said), rel=1e-4)
        assert found["r2"] == pytest.approx(sklearn_metrics.r2_score(wanted.double(), said), rel=1e-3, abs=1e-4)
    assert score.known_accuracy is None
    assert math.isnan(score.of("accuracy"))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(["mse", "l1", "huber"]))
def test_losses_are_those_of_torch_on_standardized_targets(seed: int, loss: str) -> None:
    targets, outputs = drawn(seed, 12, 2), torch.randn(12, 2, generator=torch.Generator().manual_seed(seed))
    task = regressor(targets, loss=loss, delta=0.5)
    std, mean = torch.std_mean(targets.double(), 0, correction=0)
    wanted = ((targets - mean) / std).float()
    losses: dict[str, Callable[..., torch.Tensor]] = {"mse": functional.mse_loss, "l1": functional.l1_loss, "huber": lambda one, other: functional.huber_loss(one, other, delta=0.5)}
    compute = losses[loss]
    assert task.loss(outputs, targets).item() == pytest.approx(compute(outputs, wanted).item(), rel=1e-4)
    meter = task.meter()
    meter.add(outputs[:5], targets[:5])
    meter.add(outputs[5:], targets[5:])
    score = meter.result()
    assert score.loss == pytest.approx(compute(outputs, wanted).item(), rel=1e-4)
    assert score.baselines["loss"] == pytest.approx(compute(torch.zeros(12, 2), wanted).item(), rel=1e-4)
    # No constant is better than the one whose loss a run is compared with.
    best = task.target_facts(targets, sampled=False, smoothing=0.0).constant_loss
    tried = [compute(torch.full((12,), value), wanted[:, 0]) + compute(torch.full((12,), other), wanted[:, 1]) for value in (-0.3, 0.0, 0.3) for other in (-0.3, 0.0, 0.3)]
    assert best is not None
    assert best <= min(tried).item() / 2 + (0.05 if loss == "huber" else 1e-5)


def test_one_target_may_lack_its_dimension() -> None:
    targets = torch.tensor([1.0, 2.0, 4.0])
    task = regressor(targets)
    assert task.loss(torch.zeros(3, 1), targets).item() == pytest.approx(1.0)
    task.check_outputs(torch.zeros(3, 1), targets, "")
    task.check_outputs(torch.zeros(3), targets, "")
    with pytest.raises(UserError, match=r"for 3 samples of one target it returns 3×2 float32; 3×1 is expected"):
        task.check_outputs(torch.zeros(3, 2), targets, "")


def test_a_target_that_is_always_the_same_is_predicted_as_it_is() -> None:
    task = regressor(torch.tensor([[1.0, 7.0], [2.0, 7.0]]))
    assert task.state_dict()["std"] == [0.5, 1.0]
    with pytest.raises(UserError, match=r"every training target is 7; there is nothing to learn"):
        regressor(torch.full((4, 1), 7.0))


def test_an_evaluation_of_one_sample_has_no_r2_and_of_none_has_nothing() -> None:
    task = regressor(torch.tensor([1.0, 2.0]))
    meter = task.meter()
    assert math.isnan(meter.result().loss)
    meter.add(torch.zeros(1, 1), torch.tensor([1.0]))
    assert math.isnan(meter.result().further["r2"])
    assert meter.result().further["mae"] == pytest.approx(0.5)


def test_an_output_that_is_nan_leaves_no_metric() -> None:
    task = regressor(torch.tensor([1.0, 2.0]))
    meter = task.meter()
    meter.add(torch.tensor([[math.nan], [0.0]]), torch.tensor([1.0, 2.0]))
    assert all(math.isnan(value) for value in (meter.result().loss, *meter.result().further.values()))


def test_a_prediction_is_in_the_units_of_the_targets() -> None:
    task = regressor(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    assert task.describe(torch.tensor([[0.0, 1.0], [-1.0, 0.5]]), (), 5) == [{"values": [2.0, 30.0]}, {"values": [1.0, 25.0]}]


def test_the_scale_of_a_checkpoint_is_kept() -> None:
    made = regressor(torch.tensor([1.0, 3.0]))
    other = regressor(torch.tensor([10.0, 30.0]))
    assert other.inherit(made.state_dict()) == "the scale of the targets"
    assert other.state_dict() == made.state_dict() == {"mean": [2.0], "std": [1.0]}
    assert regressor(torch.randn(3, 2)).inherit(made.state_dict()) == ""
    assert regressor(torch.tensor([1.0, 3.0])).inherit({}) == ""
    as_they_are = Regressor(RegressionTask(standardize=False), 1)
    assert as_they_are.inherit(made.state_dict()) == ""
    assert (scale_note(as_they_are.state_dict()), scale_note({})) == ("", "")
