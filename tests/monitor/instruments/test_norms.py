from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from gradtop.trainer.monitor.instruments import norms as norms_module
from gradtop.trainer.monitor.instruments.norms import NormRing, Norms
from gradtop.trainer.record import Run
from tests.monitor.support import CPU, Clock, Training, Viewers, monitored, set_gradients, small_model, table


def watch(training: Training, found: dict[str, list[float]]) -> None:
    """Note by plain torch what each step's norms are."""

    def note(step: int) -> None:
        for name, parameter in training.model.named_parameters():
            if parameter.grad is not None:
                found.setdefault(f"grad_norm/{name}", []).append(parameter.grad.norm().item())
                after = parameter.detach() - training.lr * parameter.grad
                found.setdefault(f"weight_norm/{name}", []).append(after.norm().item())
                moved = (after - parameter.detach()).norm() / after.norm()
                found.setdefault(f"update_ratio/{name}", []).append(moved.item())

    training.between = note


def test_every_norm_is_that_of_torch_itself(tmp_path: Path) -> None:
    found: dict[str, list[float]] = {}
    with monitored(tmp_path, viewers=Viewers("updates")) as (training, run, _):
        watch(training, found)
        training.train(30)

    layers = table(run, "layers")
    places = [int(step) - 1 for step in layers["step"]]
    assert places[:3] == [0, 2, 6]
    assert len(places) > 10
    assert set(layers) - {"step", "time"} == set(found)
    for name, values in found.items():
        assert layers[name] == pytest.approx([values[place] for place in places], rel=1e-4), name


def test_without_the_fused_norm_the_numbers_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def layers_of(folder: Path) -> dict[str, list[float]]:
        with monitored(folder) as (training, run, _):
            training.train(12)
        layers = table(run, "layers")
        return {name: layers[name] for name in layers if name.startswith(("step", "grad", "weight"))}

    fused = layers_of(tmp_path / "fused")
    monkeypatch.delattr(torch, "_foreach_norm")
    plain = layers_of(tmp_path / "plain")

    assert fused.keys() == plain.keys()
    for name, values in fused.items():
        assert plain[name] == pytest.approx(values, rel=1e-6)


def updated(run: Run, name: str = "0.weight") -> tuple[list[int], list[int]]:
    """Steps that were sampled, and those of them whose updates were measured."""
    layers = table(run, "layers")
    ratios = layers[f"update_ratio/{name}"]
    return [int(step) for step in layers["step"]], [int(step) for step, ratio in zip(layers["step"], ratios, strict=True) if ratio == ratio]


def test_updates_are_measured_in_each_sample_while_somebody_looks_and_else_in_the_first_and_in_some(tmp_path: Path) -> None:
    viewers = Viewers()
    with monitored(tmp_path, viewers=viewers) as (training, run, _):
        training.train(60)
        viewers.lease = Viewers("updates").lease
        training.train(20)
        viewers.lease = Viewers("histograms").lease
        training.train(40)

    sampled, measured = updated(run)
    assert measured[:4] == sampled[:4] == [1, 3, 7, 15]
    assert [step for step in measured if 60 < step <= 80] == [step for step in sampled if 60 < step <= 80]
    for first, last in ((15, 60), (80, 120)):
        alone = [step for step in sampled if first <= step <= last]
        some = [step for step in measured if first <= step <= last]
        assert 1 < len(some) <= len(alone) / 3


@pytest.mark.parametrize(("seconds", "cost"), [(0.0014, 0.001), (0.05, 0.004), (1.0, 0.02), (8.0, 0.4)])
def test_where_nobody_looks_each_figure_is_there_soon_and_often_enough(tmp_path: Path, seconds: float, cost: float) -> None:
    """Steps that take this long, of which a look at the clock, some of which make a sample, takes a part."""
    clock = Clock(tick=0.0)

    class Slow(Norms):
        def after_step(self, step: int) -> None:
            clock.tick = cost / 4
            super().after_step(step)
            clock.tick = 0.0

    minutes = 3 if seconds > 0.01 else 1
    with monitored(tmp_path, clock=clock, budget=0.01, instruments=(Slow,)) as (training, run, _):
        for parameter in training.model.parameters():
            parameter.grad = torch.ones_like(parameter)
        loss = torch.tensor(1.0)
        for step in range(1, int(minutes * 60 / seconds) + 1):
            clock.now += seconds
            training.monitor.after_backward(step)
            training.monitor.after_step(step, loss, 0.1, None, 0.0, 6)

    layers = table(run, "layers")
    began = table(run, "steps")["time"][0] - seconds
    times = [moment - began for moment, ratio in zip(layers["time"], layers["update_ratio/0.weight"], strict=True) if ratio == ratio]
    assert layers["step"][0] == 1
    assert sum(moment <= 60 + seconds for moment in times) >= 4
    assert all(after - before <= 60 + 2 * seconds for before, after in itertools.pairwise([*times, minutes * 60]))
    if cost / seconds < 1:
        assert len(layers["step"]) * cost <= 0.02 * minutes * 60 + 4 * cost


def test_more_samples_than_slots_are_all_written_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norms_module.NormRing.__init__, "__kwdefaults__", {"slots": 4})
    with monitored(tmp_path) as (training, run, _):
        training.train(20)
        training.monitor._drain_at = math.inf  # now nothing is handed over for want of time, only for want of room
        training.train(2)
        for _ in range(20):
            training.train(1)
            training.monitor._drain_at = math.inf

    steps = table(run, "layers")["step"]
    assert steps[-20:] == list(range(23, 43))
    assert table(run, "steps")["step"] == list(range(1, 43))


def test_a_slot_that_is_used_again_shows_nothing_of_its_last_use() -> None:
    model = small_model()
    norms = NormRing(model, CPU, slots=2)
    model(torch.ones(1, 4)).sum().backward()
    for step in range(2):
        norms.before_step(step, 0.0, updates=True)
        norms.after_step(keep=True)
    first = norms.send()
    norms.before_step(2, 0.0, updates=False)
    second = norms.send()

    assert first is not None
    assert [sample.step for sample in first.samples()] == [0, 1]
    assert second is not None
    (sample,) = second.samples()
    assert all(math.isfinite(norm) for norm in sample.gradients)
    assert all(math.isnan(norm) for norm in (*sample.weights, *sample.updates))
    assert norms.send() is None


def test_a_tied_weight_is_measured_once(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3))
    model[1].weight = model[0].weight
    found: dict[str, list[float]] = {}
    with monitored(tmp_path, model) as (training, run, _):
        watch(training, found)
        training.train(1)

    layers = table(run, "layers")
    assert "grad_norm/1.weight" not in layers
    assert layers["grad_norm/0.weight"] == pytest.approx(found["grad_norm/0.weight"])
    assert table(run, "histograms")["parameter"][:5] == [0, 1, 2, 3, 4]


def test_a_frozen_parameter_has_a_weight_and_no_gradient(tmp_path: Path) -> None:
    model = small_model()
    model[0].requires_grad_(False)
    with monitored(tmp_path, model) as (training, run, _):
        training.train(3)

    layers = table(run, "layers")
    assert "grad_norm/0.weight" not in layers
    assert "update_ratio/0.weight" not in layers
    assert layers["weight_norm/0.weight"] == pytest.approx([model[0].weight.norm().item()] * 2)  # type: ignore[operator]
    assert all(norm > 0 for norm in layers["grad_norm/2.weight"])


def test_a_model_that_is_frozen_altogether_is_looked_at_too() -> None:
    model = small_model().requires_grad_(False)
    norms = NormRing(model, CPU)
    norms.before_step(1, 0.0, updates=True)
    norms.after_step(keep=True)
    batch = norms.send()

    assert batch is not None
    (sample,) = batch.samples()
    assert sample.total == 0
    assert sample.weights == pytest.approx([parameter.norm().item() for parameter in model.parameters()])


def test_what_the_loss_does_not_depend_on_has_a_gradient_of_zero() -> None:
    model = small_model()
    norms = NormRing(model, CPU)
    model[2](torch.ones(1, 8)).sum().backward()
    norms.before_step(1, 0.0, updates=False)
    batch = norms.send()

    assert batch is not None
    (sample,) = batch.samples()
    assert sample.gradients[:2] == (0.0, 0.0)
    assert min(sample.gradients[2:]) > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_norms_of_other_precisions_are_exact_enough(dtype: torch.dtype) -> None:
    model = small_model().to(dtype)
    norms = NormRing(model, CPU)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 300.0)  # whose square is beyond a float16
    norms.before_step(1, 0.0, updates=False)
    norms.after_step(keep=True)
    batch = norms.send()

    assert batch is not None
    (sample,) = batch.samples()
    expected = [300 * math.sqrt(parameter.numel()) for parameter in model.parameters()]
    assert sample.gradients == pytest.approx(expected, rel=1e-6)
    weights = [parameter.double().norm().item() for parameter in model.parameters()]
    assert sample.weights == pytest.approx(weights, rel=1e-6)


def test_a_step_that_was_not_taken_has_the_norms_of_the_weights_that_it_left_alone(tmp_path: Path) -> None:
    with monitored(tmp_path, viewers=Viewers("updates")) as (training, run, _):
        weights = [parameter.norm().item() for parameter in training.model.parameters()]
        set_gradients(training.model, math.nan)
        training.monitor.after_backward(1)

    layers = table(run, "layers")
    assert layers["step"] == [1]
    assert [layers[f"weight_norm/{name}"][0] for name, _ in training.model.named_parameters()] == pytest.approx(weights)
    assert all(math.isnan(layers[f"update_ratio/{name}"][0]) for name, _ in training.model.named_parameters())


def test_the_layers_come_with_the_table_of_the_model(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        training.train(1)

    import json

    schema = json.loads((run.streams / "layers.0.json").read_text())
    assert [row["name"] for row in schema["extra"]["parameters"]] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert schema["extra"]["total"] == 4 * 8 + 8 + 8 * 3 + 3


@pytest.mark.gpu
def test_on_a_gpu_the_norms_are_the_same() -> None:
    device = torch.device("cuda", 0)
    model = small_model().to(device)
    norms = NormRing(model, device)
    model(torch.ones(1, 4, device=device)).sum().backward()
    norms.before_step(1, 0.0, updates=False)
    norms.after_step(keep=True)
    batch = norms.send()

    assert batch is not None
    (sample,) = batch.samples()
    assert sample.gradients == pytest.approx([each.grad.norm().item() for each in model.parameters() if each.grad is not None])
