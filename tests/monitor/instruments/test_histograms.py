from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gradtop.trainer.monitor.instruments import histograms as histograms_module
from gradtop.trainer.monitor.instruments.histograms import FIGURES, histogram, histogram_at_once, histogram_of_finite
from gradtop.trainer.monitor.transfer import Transfer
from tests.monitor.support import Clock, Viewers, monitored, small_model, table


@pytest.mark.parametrize(
    "weight",
    [
        torch.randn(40, 25, generator=torch.Generator().manual_seed(0)),
        torch.randn(999, generator=torch.Generator().manual_seed(1)).double(),
        torch.relu(torch.randn(10, 7, 3, 3, generator=torch.Generator().manual_seed(2))),
        torch.zeros(12),
        torch.full((5,), -3.25),
        torch.tensor([2.0]),
        torch.tensor([[-1.0, 1.0]]),
    ],
    ids=["normal", "double", "half zeros", "all zero", "equal", "one", "two"],
)
@pytest.mark.parametrize("bins", [8, 64])
@pytest.mark.parametrize("at_once", [True, False], ids=["on the CPU", "on any device"])
def test_figures_and_counts_are_those_of_numpy(weight: torch.Tensor, bins: int, at_once: bool) -> None:
    values = weight.numpy().reshape(-1)
    counts, edges = np.histogram(values, bins)

    found = histogram_at_once(weight, bins) if at_once else histogram(weight, bins).tolist()

    figures = dict(zip(FIGURES, found, strict=False))
    assert found[len(FIGURES) :] == counts.tolist()
    assert (figures["low"], figures["high"]) == pytest.approx((edges[0], edges[-1]))
    assert (figures["min"], figures["max"]) == (values.min(), values.max())
    assert len(found) == len(FIGURES) + bins
    assert figures["mean"] == pytest.approx(values.mean(), abs=1e-6)
    assert figures["std"] == pytest.approx(values.std(), abs=1e-6)
    assert figures["zeros"] == pytest.approx((values == 0).mean())


def test_many_weights_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    whole = histogram(weight, 16)

    monkeypatch.setattr(histograms_module, "COUNTED_AT_ONCE", 64)

    assert torch.equal(histogram(weight, 16), whole)
    assert histogram_at_once(weight, 16) == whole.tolist()


def test_weights_in_half_precision_lose_nothing() -> None:
    weight = torch.randn(1000, generator=torch.Generator().manual_seed(0)).bfloat16()

    assert torch.equal(histogram(weight, 16), histogram(weight.float(), 16))


def test_no_weights_are_no_error() -> None:
    assert histogram_at_once(torch.zeros(0, 3), 8) == [0.0] * (len(FIGURES) + 8)


LARGE = 3e38  # of which two are further apart than a float32 can say


@pytest.mark.parametrize("values", [[1e20, -1e20, 3e20, 0.0], [1e-30, 3e-30, -2e-30], [1e20] * 3, [LARGE, -LARGE, 1.0]], ids=str)
@pytest.mark.parametrize("kind", ["at once", "on any device"])
def test_large_and_small_weights_have_the_figures_of_numpy_in_double_precision(values: list[float], kind: str) -> None:
    weight = torch.tensor(values)
    exact = np.array(weight.tolist())

    found = histogram_at_once(weight, 8) if kind == "at once" else histogram(weight, 8).tolist()

    figures = dict(zip(FIGURES, found, strict=False))
    assert (figures["mean"], figures["std"]) == pytest.approx((exact.mean(), exact.std()), rel=1e-5, abs=exact.max() * 1e-6)
    assert (figures["min"], figures["max"]) == (exact.min(), exact.max())
    assert figures["low"] < figures["high"]
    assert sum(found[len(FIGURES) :]) == len(values)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("many", [False, True], ids=["some", "all"])
def test_the_finite_weights_have_a_histogram_and_the_others_are_counted(bad: float, many: bool) -> None:
    weight = torch.tensor([bad] * 4 if many else [1.0, bad, 0.0, 2.0])

    for found in (histogram_at_once(weight, 8), histogram_of_finite(weight, 8).tolist()):
        figures = dict(zip(FIGURES, found, strict=False))
        assert figures["nonfinite"] == (4 if many else 1)
        if many:
            assert math.isnan(figures["mean"])
            assert found[len(FIGURES) :] == [0.0] * 8
        else:
            assert [figures[name] for name in ("low", "high", "mean", "min", "max", "zeros")] == [0.0, 2.0, 1.0, 0.0, 2.0, 0.25]
            assert figures["std"] == pytest.approx(math.sqrt(2 / 3))
            assert sum(found[len(FIGURES) :]) == 3


def test_where_the_device_is_not_waited_for_weights_that_are_not_finite_are_counted_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a GPU, where only the record tells that something in it is not finite.
    monkeypatch.setattr(histograms_module, "histogram_at_once", lambda weight, bins: Transfer(histogram(weight, bins)))
    model = small_model()
    with torch.no_grad():
        next(model.parameters())[0, 0] = math.nan
    with monitored(tmp_path, model) as (training, run, _):
        training.monitor.after_backward(1)
        training.monitor.flush()

    found = table(run, "histograms")
    assert found["nonfinite"][:4] == [1, 0, 0, 0]
    assert found["count"][0] == 32
    assert sum(found[f"b{number}"][0] for number in range(8)) == 31


def test_there_is_one_of_each_parameter_before_training_and_after_each_epoch(tmp_path: Path) -> None:
    model = small_model()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with monitored(tmp_path, model, steps_per_epoch=40) as (training, run, _):
        training.train(160)
    found = table(run, "histograms")
    numbers = list(zip(found["step"], found["parameter"], strict=True))

    assert numbers[:4] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert found["count"][:4] == [32, 8, 24, 3]
    assert found["mean"][:4] == pytest.approx([weight.mean().item() for weight in before], abs=1e-6)
    for epoch in (1, 2, 3):
        in_epoch = {index for step, index in numbers if 40 * epoch <= step < 40 * (epoch + 1)}
        assert in_epoch == {0, 1, 2, 3}, f"after epoch {epoch}"
    assert not [step for step, _ in numbers if 0 < step < 40]
    assert numbers[-4:] == [(160, 0), (160, 1), (160, 2), (160, 3)]
    assert found["mean"][-4:] == pytest.approx([weight.mean().item() for weight in model.parameters()], abs=1e-6)


def test_every_other_epoch_where_that_is_wished(tmp_path: Path) -> None:
    with monitored(tmp_path, steps_per_epoch=20, histogram_every=2) as (training, run, _):
        training.train(79)

    assert {int(step) // 40 for step in table(run, "histograms")["step"] if step} == {1}


def test_a_training_that_goes_on_begins_with_none(tmp_path: Path) -> None:
    with monitored(tmp_path, first_step=101, steps_per_epoch=1000) as (training, run, _):
        training.train(5)
        training.monitor.flush()
        assert table(run, "histograms")["step"] == []

    assert table(run, "histograms")["step"] == [105] * 4


def test_what_somebody_looks_at_follows_at_once_and_then_every_second(tmp_path: Path) -> None:
    viewers = Viewers()
    with monitored(tmp_path, viewers=viewers, steps_per_epoch=100_000) as (training, run, _):
        training.train(40)
        viewers.lease = Viewers("histograms", parameters=("2.weight",)).lease
        training.train(70)  # in 3.5 s
        viewers.lease = Viewers("histograms", parameters=("0.bias",)).lease
        training.train(10)
        viewers.lease = Viewers("updates", parameters=("0.bias",)).lease
        training.train(100)

    found = table(run, "histograms")
    looked_at = [int(index) for step, index in zip(found["step"], found["parameter"], strict=True) if 0 < step < training.step]
    assert looked_at == [2, 2, 2, 2, 1]


def test_a_large_parameter_that_somebody_looks_at_keeps_to_the_budget(tmp_path: Path) -> None:
    viewers, clock = Viewers("histograms", parameters=("2.weight",)), Clock(tick=0.05)
    with monitored(
        tmp_path, clock=clock, viewers=viewers, steps_per_epoch=100_000, budget=0.01
    ) as (training, run, _):
        training.train(400)  # where a histogram takes 0.05 s, as long as a step

    found = table(run, "histograms")
    times = [time for step, time in zip(found["step"], found["time"], strict=True) if 0 < step < training.step]
    # The first one is taken before it is known what it costs.
    gaps = [after - before for before, after in itertools.pairwise(times[1:])]
    assert len(gaps) > 3
    assert min(gaps) >= 0.05 / 0.01


@pytest.mark.gpu
def test_on_a_gpu_the_counts_are_the_same() -> None:
    weight = nn.Linear(100, 30).weight.detach()

    assert torch.equal(histogram(weight.cuda(), 16).cpu()[len(FIGURES) :], histogram(weight, 16)[len(FIGURES) :])
