"""What is measured of activations is what torch computes of them, and measuring leaves no trace in the training."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from gradtop.trainer.monitor.instruments import probe as probe_module
from gradtop.trainer.monitor.instruments.activations import Activations
from gradtop.trainer.monitor.instruments.probe import Output, Probe, compiled, looked_at
from gradtop.trainer.record import StreamReader
from tests.monitor.support import monitored, small_model, table

IMAGES = (6, 3, 8, 8)


class Functional(nn.Module):
    """Activation functions that are no modules, as in PyTorch's own tutorial."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc1, self.fc2, self.fc3 = nn.Conv2d(3, 4, 3), nn.Linear(36, 16), nn.Linear(16, 8), nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        seen = functional.max_pool2d(functional.relu(self.conv(images)), 2).flatten(1)
        return self.fc3(torch.tanh(self.fc2(functional.relu(self.fc1(seen)))))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """As a block of a ResNet: one ReLU in place, used twice, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.conv2, self.bn2 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.relu, self.dropout, self.head = nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(192, 3)

    def forward(self, images: Tensor) -> Tensor:
        inner = self.relu(self.bn1(self.conv1(images)))
        return self.head(self.dropout(self.relu(self.bn2(self.conv2(inner)) + images)).flatten(1))  # type: ignore[no-any-return]


class Tied(nn.Module):
    """One layer that is applied twice, and a weight that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.twice, self.again, self.head = nn.Linear(192, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.again.weight = self.twice.weight
        self.tanh = nn.Tanh()

    def forward(self, images: Tensor) -> Tensor:
        seen = self.enter(images.flatten(1))
        return self.head(self.again(self.tanh(self.twice(self.tanh(self.twice(seen))))))  # type: ignore[no-any-return]


class Sequence(nn.Module):
    """Attention, recurrence, a gate, and a frozen encoder on its fast path."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.TransformerEncoderLayer(24, 2, 16, batch_first=True).requires_grad_(False)
        self.attention = nn.MultiheadAttention(24, 2, batch_first=True, dropout=0.1)
        self.lstm, self.glu = nn.LSTM(24, 8, batch_first=True), nn.GLU()
        self.head = parametrizations.weight_norm(nn.Linear(4, 3))

    def train(self, mode: bool = True) -> Sequence:
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        rows = images.flatten(1).unflatten(1, (8, 24))
        with torch.no_grad():
            rows = self.frozen(rows)
        seen, _ = self.attention(rows, rows, rows)
        return self.head(self.glu(self.lstm(seen)[0][:, -1]))  # type: ignore[no-any-return]


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.inner = nn.Sequential(nn.Linear(192, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 8), nn.Sigmoid())
        self.head = nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1).requires_grad_()
        return self.head(checkpoint(self.inner, flat, use_reentrant=self.reentrant))  # type: ignore[no-any-return]


MODELS: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "functional": (Functional, ["conv", "fc1.input", "fc1", "fc2.input", "fc2", "fc3.input", "fc3"]),
    "residual": (Residual, ["conv1", "bn1", "relu", "conv2", "bn2", "relu#2", "head"]),
    "tied": (Tied, ["enter", "twice", "tanh", "twice#2", "tanh#2", "again", "head"]),
    "sequence": (Sequence, ["attention", "lstm", "glu", "head"]),
    "checkpointed": (lambda: Checkpointed(reentrant=False), ["inner.0", "inner.1", "inner.3", "inner.4", "head"]),
    "checkpointed, reentrant": (lambda: Checkpointed(reentrant=True), ["inner.0", "inner.1", "inner.3", "inner.4", "head"]),
}


def losses_of(make: Callable[[], nn.Module], *, looking: bool, autocast: bool, steps: int = 4) -> tuple[list[float], list[list[Output]], nn.Module]:
    """Losses of a few steps, what was found in every second, and the model."""
    torch.manual_seed(0)
    model = make().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    probe = Probe(model)
    losses, found = [], []
    for step in range(steps):
        model.train()
        if looking and step % 2:
            probe.attach()
        optimizer.zero_grad()
        for _ in range(2):  # micro-batches
            images = torch.randn(IMAGES).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss = functional.cross_entropy(model(images).float(), torch.arange(6) % 3)
            loss.backward()
            losses.append(loss.item())
        if probe.attached:
            found.append(list(probe.detach()))
            assert probe.error is None
        optimizer.step()
        model.eval()
        losses.append(model(torch.ones(IMAGES)).sum().item())
    return losses, found, model


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("kind", MODELS)
def test_looking_changes_no_loss_by_a_bit_and_leaves_no_hook(kind: str, autocast: bool) -> None:
    make, names = MODELS[kind]
    without, _, untouched = losses_of(make, looking=False, autocast=autocast)
    losses, found, model = losses_of(make, looking=True, autocast=autocast)

    assert losses == without
    assert [output.name for output in found[0]] == names
    assert all(each.figures["std"].isfinite() for each in found[0])
    for module, other in zip(model.modules(), untouched.modules(), strict=True):
        assert not module._forward_hooks
        # A reentrant checkpoint may leave others; ours leave what was there.
        assert {key: type(value) for key, value in vars(module).items()} == {key: type(value) for key, value in vars(other).items()}


def seen(model: nn.Module, images: Tensor) -> dict[str, dict[str, float]]:
    probe = Probe(model)
    probe.attach()
    model(images)
    return {each.name: {column: value.item() for column, value in each.figures.items()} for each in probe.detach()}


def test_the_figures_are_those_of_torch() -> None:
    torch.manual_seed(0)
    conv, hidden, head = nn.Conv2d(3, 8, 3), nn.Linear(288, 16), nn.Linear(16, 5)
    model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), hidden, nn.Tanh(), head, nn.Sigmoid())
    with torch.no_grad():
        conv.bias[:3] = -100.0  # type: ignore[index]
        hidden.weight *= 30
        head.weight *= 20
    images = torch.randn(10, 3, 8, 8)
    found = seen(model, images)

    output = images
    for name, module in model.named_children():
        output = module(output)
        if name in found:
            assert found[name]["std"] == pytest.approx(output.std(correction=0).item(), rel=1e-5)
    assert found["1"]["dead"] == pytest.approx(3 / 8)
    tanh = model[:5](images)
    assert found["4"]["saturated"] == pytest.approx((tanh.abs() > 0.99).float().mean().item())
    assert 0.1 < found["4"]["saturated"] < 1
    sigmoid = model(images)
    assert found["6"]["saturated"] == pytest.approx(((sigmoid < 0.01) | (sigmoid > 0.99)).float().mean().item())
    assert set(found["0"]) == set(found["3"]) == {"std"}


def test_dead_units_of_functions_are_those_of_the_input_that_they_make() -> None:
    torch.manual_seed(0)
    model = Functional()
    with torch.no_grad():
        model.fc1.bias[:4] = -100.0
        model.conv.bias[0] = -100.0  # type: ignore[index]
    found = seen(model, torch.randn(32, 3, 8, 8))
    assert found["fc2.input"]["dead"] == pytest.approx(4 / 16, abs=0.1)
    assert found["fc1.input"]["dead"] == pytest.approx(1 / 4, abs=0.1)
    assert "saturated" in found["fc3.input"]


def test_a_large_output_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    output = torch.randn(64, 8, 32, 32).relu()
    output[:, 2] = 0
    whole = probe_module.figures_of(nn.ReLU, output, channels_first=True)
    monkeypatch.setattr(probe_module, "MOST_VALUES", 5000)
    monkeypatch.setattr(probe_module, "MOST_FOR_DEAD", 5000)
    part = probe_module.part_of(output, 1, 5000)
    assert part.numel() <= 5000
    assert part.shape[:2] == (1, 8)
    found = probe_module.figures_of(nn.ReLU, output, channels_first=True)
    assert found["dead"].item() == whole["dead"].item() == pytest.approx(1 / 8)
    assert found["std"].item() == pytest.approx(whole["std"].item(), rel=0.1)


def test_an_output_that_is_not_finite_is_recorded_as_such(tmp_path: Path) -> None:
    model = small_model()
    with monitored(tmp_path, model, instruments=(Activations,)) as (training, run, _):
        training.train(1)
        with torch.no_grad():
            model[0].bias[0] = math.inf  # type: ignore[index, operator]
        training.train(1)
    assert table(run, "activations")["std/0"] == [math.inf]


def test_what_fails_in_looking_is_said_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(probe_module, "figures_of", fail)
    with monitored(tmp_path, instruments=(Activations,)) as (training, run, _):
        training.train(10)
    assert len(training.losses) == 10
    assert not any(module._forward_hooks for module in training.model.modules())
    reader = StreamReader(run, "activations")
    reader.refresh()
    assert reader.unavailable("std/0") == "OutOfMemoryError: CUDA out of memory"


def test_an_evaluation_between_two_steps_finds_no_hooks(tmp_path: Path) -> None:
    with monitored(tmp_path, instruments=(Activations,)) as (training, run, _):
        hooked = 0
        for _ in range(12):
            training.train(1)
            training.monitor.before_evaluation()
            assert not any(module._forward_hooks for module in training.model.modules())
            training.monitor.before_steps(training.step + 1)
            hooked += any(module._forward_hooks for module in training.model.modules())
    assert hooked == len(table(run, "activations")["step"]) + (1 if hooked > len(table(run, "activations")["step"]) else 0)
    assert table(run, "activations")["step"][0] == 2
    assert hooked > 2


def test_a_module_that_runs_later_gets_columns_then(tmp_path: Path) -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 3)
            self.middle = nn.Linear(4, 4)
            self.late = False

        def forward(self, values: Tensor) -> Tensor:
            values = self.first(values)
            return self.second(self.middle(values) if self.late else values)  # type: ignore[no-any-return]

    model = Late()
    with monitored(tmp_path, model, instruments=(Activations,)) as (training, run, _):
        training.train(6)
        model.late = True
        training.train(20)
    found = table(run, "activations")
    assert list(found)[2:] == ["std/first", "std/second", "std/middle"]
    assert len(found["step"]) > 4
    early = [value for step, value in zip(found["step"], found["std/middle"], strict=True) if step <= 6]
    assert early
    assert all(math.isnan(value) for value in early)
    assert all(math.isfinite(value) for value in found["std/middle"][-2:] + found["std/first"])


def test_a_compiled_model_is_not_looked_at_and_says_why(tmp_path: Path) -> None:
    model: Any = small_model()
    model.compile(backend="eager")
    torch._dynamo.utils.counters.clear()  # type: ignore[no-untyped-call]
    with monitored(tmp_path, model, instruments=(Activations,)) as (training, run, _):
        training.train(10)
    reader = StreamReader(run, "activations")
    reader.refresh()
    assert "the model is compiled" in reader.unavailable("std/0")
    assert reader.count == 0
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    # So is one that compiles a part of itself, which is seen when it has.
    other = small_model()
    assert "parts of itself" in compiled(other)
    torch._dynamo.utils.counters.clear()  # type: ignore[no-untyped-call]
    assert not compiled(other)


def test_parameters_that_no_module_computes_with_are_not_looked_at() -> None:
    model = nn.Module()
    model.free = nn.Parameter(torch.ones(3))
    model.several = nn.ParameterList([torch.ones(2)])
    model.normed = parametrizations.weight_norm(nn.Linear(2, 2))
    model.drop, model.pool, model.act = nn.Dropout(), nn.MaxPool2d(2), nn.Mish()
    assert [name for name, _ in looked_at(model)] == ["normed", "act"]
