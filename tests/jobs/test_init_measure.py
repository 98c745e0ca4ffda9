"""What is measured of an initialization, against the formulas, a plain forward and backward pass, and a training."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.init_comparison.measure import BINS, initialised_by, measure
from gradtop.trainer.jobs.init_comparison.summary import LayerScale, layer_scale
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, new_run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.build import build_to_measure, read_valid_config
from gradtop.trainer.training.trial_steps import Notes
from tests.training.runs import rows

CONFIG = """
[model]
kind = "mlp"
hidden = [96, 64]
dropout = {dropout}

[init]
kind = "{init}"

[data]
kind = "fake"
samples = 90
classes = 5
image_size = 8
channels = 1

[schedule]
kind = "cosine"
warmup_steps = 4

[training]
epochs = 3
batch_size = 8
accumulate = 2
clip = 0.5
device = "cpu"
threads = 1
seed = 11
"""
WIDTHS = ((64, 96), (96, 64), (64, 5))  # inputs and outputs of the layers


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return create_run(tmp_path_factory.mktemp("runs"), parse_config(CONFIG.format(init="default", dropout=0.0), job="init_comparison"))


def scales(run: Run, init: str, seed: int = 11) -> list[LayerScale]:
    layers = measure(run, {})["weights"]
    found = measure(run, {"init": init, "seed": seed, "weights": layers, "first_steps": 1})
    return [layer_scale(name, row) for name, row in zip(layers, found["scales"], strict=True)]


@pytest.mark.parametrize(
    ("init", "std"),
    [
        ("xavier_uniform", lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))), ("kaiming_normal", lambda fan_in, _: math.sqrt(2 / fan_in)),
        ("normal", lambda *_: 0.02), ("zeros", lambda *_: 0.0),
    ],
)  # fmt: skip
def test_the_weights_have_the_deviation_of_the_formula_and_each_is_counted(run: Run, init: str, std: object) -> None:
    assert callable(std)
    for layer, widths in zip(scales(run, init), WIDTHS, strict=True):
        assert layer.weight_std == pytest.approx(std(*widths), rel=4 / math.sqrt(2 * math.prod(widths)))
        assert (sum(layer.bins), len(layer.bins)) == (math.prod(widths), BINS)
        assert -layer.low == pytest.approx(layer.high, rel=0.5)
        if init == "xavier_uniform":
            assert layer.high == pytest.approx(math.sqrt(3) * std(*widths), rel=0.05)


@pytest.mark.parametrize("init", ["kaiming_normal", "xavier_uniform", "default", "zeros"])
def test_activations_and_gradients_are_those_of_a_plain_pass(run: Run, init: str) -> None:
    found = scales(run, init, seed=4)
    config = initialised_by(init, read_valid_config(run), 4)
    parts = build_to_measure(run, Notes(), config)
    epoch = parts.batches.epoch(0, skip=0)
    batches = [next(epoch), next(epoch)]
    weights = [parameter for parameter in parts.model.parameters() if parameter.dim() > 1]
    biases = [parameter for parameter in parts.model.parameters() if parameter.dim() == 1]
    deviations: list[float] = []
    losses = []
    for inputs, targets in batches:
        values = inputs.flatten(1).float()
        for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            values = functional.linear(functional.relu(values) if number else values, weight, bias)
            deviations.append(values.std(correction=0).item())
        losses.append(functional.cross_entropy(values, targets))
    gradients = torch.autograd.grad(torch.stack(losses).mean(), weights)
    assert [layer.activation_std for layer in found] == pytest.approx(deviations[: len(weights)], rel=1e-4)
    assert [layer.gradient_rms for layer in found] == pytest.approx([gradient.square().mean().sqrt().item() for gradient in gradients], rel=1e-4)
    if init == "zeros":
        assert [layer.gradient_rms for layer in found] == [0.0, 0.0, 0.0]


def test_the_losses_are_those_of_a_training_with_this_initialization(tmp_path: Path) -> None:
    """With dropout, warm-up, accumulation and an epoch that ends with a smaller batch."""
    run = create_run(tmp_path, parse_config(CONFIG.format(init="default", dropout=0.2), job="init_comparison"))
    trained = new_run(tmp_path, CONFIG.format(init="kaiming_normal", dropout=0.2), {})
    assert work(trained) == 0
    expected = [loss for _, loss in rows(trained, "steps", "loss")]
    found = measure(run, {"init": "kaiming_normal", "seed": 11, "weights": measure(run, {})["weights"], "first_steps": len(expected)})
    assert len(expected) == 18
    assert found["losses"] == pytest.approx(expected, rel=1e-5)


def test_a_kind_that_the_configuration_names_keeps_its_settings_but_no_file(run: Run) -> None:
    config = parse_config('[init]\nkind = "normal"\nstd = 0.5\npretrained = "weights.pt"\n')
    assert initialised_by("normal", config, 3).init.model_dump() == {"kind": "normal", "std": 0.5, "pretrained": "", "pretrained_weights": "auto"}
    assert initialised_by("zeros", config, 3).init.pretrained == ""


def test_a_loss_that_is_not_finite_ends_the_measurement_and_a_model_without_weights_is_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse_config(CONFIG.format(init="default", dropout=0.0) + '[optimizer]\nkind = "sgd"\nlr = 1e25\n', overrides=["training.clip=0"], job="init_comparison")
    wild = create_run(tmp_path, config)
    losses = measure(wild, {"init": "xavier_normal", "seed": 1, "weights": [], "first_steps": 9})["losses"]
    assert 1 < len(losses) < 9
    assert [math.isfinite(loss) for loss in losses] == [True] * (len(losses) - 1) + [False]
    monkeypatch.setattr("gradtop.trainer.jobs.init_comparison.measure.weights_of", lambda _: ())
    with pytest.raises(UserError, match="no weights that an initialization draws"):
        measure(run, {})
