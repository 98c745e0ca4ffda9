"""What each feature of training does, in a real run, against torch's own functions and formulas worked out by hand."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from gradtop.trainer.analysis.event_text import whole
from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.config import TrainingConfig, sections
from gradtop.trainer.record import Run, RunReader, new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.evaluate import evaluate
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.step import Compute
from gradtop.tui.cli import show
from tests.training.runs import TINY, differences, events, newest_state, rows, tiny_run, trained

SGD = '[optimizer]\nkind = "sgd"\nlr = 0.05\n[schedule]\nkind = "constant"'
OPTIMIZERS = next(part.kinds for part in sections() if part.name == "optimizer")
CNN = 'kind = "cnn"\nchannels = [4, 6]'


def run_of(folder: Path, *parts: str, model: str = 'kind = "mlp"\nhidden = [8]', batch_size: int = 8, epochs: int = 2) -> Run:
    """A tiny run without dropout, of another model or batch size."""
    text = TINY.format(epochs=epochs).replace("dropout = 0.25", "dropout = 0.0").replace('kind = "mlp"\nhidden = [8]', model)
    return new_run(folder, "\n".join([text.replace("batch_size = 8", f"batch_size = {batch_size}"), *parts]), {})


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


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


# Accumulation


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


# The running mean of the weights


def test_the_running_mean_is_that_of_the_formula_statistics_included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand: dict[str, Tensor] = {}
    real = Compute.update

    def update(compute: Compute) -> None:
        real(compute)
        for name, value in compute.model.state_dict().items():
            if value.is_floating_point():
                # It begins at what the first step leaves.
                by_hand[name] = 0.8 * by_hand[name] + 0.2 * value.double() if name in by_hand else value.double().clone()

    monkeypatch.setattr(Compute, "update", update)
    session = trained(run_of(tmp_path, "ema = 0.8", SGD, model=CNN))

    mean = session.compute.evaluated
    assert mean is not session.model
    assert {"norm1.running_mean", "norm2.running_var", "head.weight"} < by_hand.keys()
    for name, value in by_hand.items():
        torch.testing.assert_close(mean.state_dict()[name].double(), value, rtol=1e-5, atol=1e-6)
    assert not torch.equal(mean.get_parameter("head.weight"), session.model.get_parameter("head.weight"))


def test_it_is_the_running_mean_that_is_evaluated_and_that_decides_which_is_best(tmp_path: Path) -> None:
    run = run_of(tmp_path, "ema = 0.95", '[optimizer]\nkind = "sgd"\nlr = 0.5', model=CNN)
    session = trained(run)

    state = newest_state(run)
    assert state["ema"] is not None
    scores = {}
    for name, model in (("mean", session.compute.evaluated), ("weights", session.model)):
        scores[name] = evaluate(model, model, session.validation)
    assert rows(run, "evals", "loss", "accuracy")[-1][1:] == (scores["mean"].loss, scores["mean"].accuracy)
    assert scores["mean"].loss != scores["weights"].loss
    losses = [row[1] for row in rows(run, "evals", "loss")]
    (best,) = [fact for step in checkpoint.saved_steps(run.checkpoints)
               if (fact := checkpoint.read_sidecar(checkpoint.path_of(run.checkpoints, step))) and fact.best]  # fmt: skip
    assert best.val_loss == min(losses) == state["scores"]["best"]["loss"]


# How it ends


@pytest.mark.parametrize("patience", [1, 3])
def test_evaluations_without_a_better_loss_end_it_as_done(tmp_path: Path, patience: int) -> None:
    # Steps too small to change a weight: the first evaluation stays the best.
    still = '[optimizer]\nkind = "sgd"\nlr = 1e-30\nmomentum = 0.0'
    run = tiny_run(tmp_path, f"early_stopping = {patience}", still, epochs=9)

    assert work(run) == 0

    status = read_status(run)
    assert (status.state, status.step, status.error) == ("done", 8 * (1 + patience), "")
    assert [event["best"] for event in events(run, "epoch")] == [True, *[False] * patience]
    (said,) = events(run, "early_stopping")
    assert (said["step"], said["evaluations"]) == (status.step, patience)
    assert checkpoint.saved_steps(run.checkpoints)[-1] == status.step


def test_a_loss_that_becomes_better_is_not_stopped(tmp_path: Path) -> None:
    run = run_of(tmp_path, "early_stopping = 1", SGD, epochs=3)

    assert work(run) == 0

    losses = [row[1] for row in rows(run, "evals", "loss")]
    assert losses == sorted(losses, reverse=True)
    assert read_status(run).step == 24
    assert events(run, "early_stopping") == []


@pytest.mark.parametrize("steps", [3, 8, 13])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_steps_end_it_there_with_an_evaluation_and_a_checkpoint(tmp_path: Path, steps: int, accumulate: int) -> None:
    run = tiny_run(tmp_path, f"steps = {steps}", f"accumulate = {accumulate}", epochs=1)

    assert work(run) == 0

    per_epoch = -(-8 // accumulate)
    assert (read_status(run).state, read_status(run).step) == ("done", steps)
    assert [row[0] for row in rows(run, "steps")] == list(range(1, steps + 1))
    assert [row[0] for row in rows(run, "evals")] == sorted({*range(per_epoch, steps + 1, per_epoch), steps})
    assert checkpoint.saved_steps(run.checkpoints)[-1] == steps
    assert newest_state(run)["evaluated"] == steps


# Clipping


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


# Precision


@pytest.mark.parametrize("model", ['kind = "mlp"\nhidden = [8]', CNN])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_in_half_precision_the_loss_falls_as_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, model: str
) -> None:
    # A scale with which no step overflows and is left out.
    monkeypatch.setattr(torch.amp, "GradScaler", functools.partial(torch.amp.GradScaler, init_scale=2.0**8))
    slow = '[optimizer]\nkind = "sgd"\nlr = 0.02\nmomentum = 0.0'
    full, half = run_of(tmp_path, slow, model=model), run_of(tmp_path, f'precision = "{precision}"', slow, model=model)
    trained(full)
    session = trained(half)

    losses = [[row[1] for row in rows(run, "steps", "loss")] for run in (full, half)]
    assert losses[1] != losses[0]
    assert losses[1] == pytest.approx(losses[0], abs=0.02)
    assert sum(losses[1][-8:]) < sum(losses[1][:8])
    assert {parameter.dtype for parameter in session.model.parameters()} == {torch.float32}


def learnt(compute: Compute) -> Any:
    return encoded({"model": compute.model.state_dict(), "moments": compute.optimizer.state_dict()["state"]})


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_that_overflows_is_left_out_and_recorded_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    # A scale that doubles with each step is soon too large, and too large again.
    monkeypatch.setattr(torch.amp, "GradScaler", functools.partial(torch.amp.GradScaler, growth_interval=1))
    skipped: list[bool] = []
    real = Compute.update

    def update(compute: Compute) -> None:
        (overflow,) = compute.overflows
        skipped.append(overflow.item() > 0)
        before = learnt(compute)
        real(compute)
        changed = differences(before, learnt(compute))
        assert (changed == []) == skipped[-1], changed

    monkeypatch.setattr(Compute, "update", update)
    run = run_of(tmp_path, 'precision = "fp16"', "clip = 100.0", f'[optimizer]\nkind = "{optimizer}"\nlr = 0.01')

    assert work(run) == 0, read_status(run).error

    assert len(skipped) == 16
    assert skipped[0] is False
    assert True in skipped
    recorded = rows(run, "steps", "loss", "grad_norm", "clipped")
    assert all(math.isfinite(row[1]) for row in recorded)
    assert [not math.isfinite(row[2]) for row in recorded] == skipped
    assert [math.isnan(row[3]) for row in recorded] == skipped
    assert {row[2] for row, left_out in zip(recorded, skipped, strict=True) if left_out} == {math.inf}
    assert read_status(run).skipped_steps == sum(skipped) == sum(whole(event.get("skipped")) for event in events(run, "epoch"))
    assert [event for kind in ("black_box", "warning", "spike") for event in events(run, kind)] == []


def test_a_training_that_overflows_at_any_scale_fails_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.amp, "GradScaler", functools.partial(torch.amp.GradScaler, init_scale=2.0**120))
    run = run_of(tmp_path, 'precision = "fp16"', SGD, epochs=4)

    assert work(run) == 1

    assert "the loss or a gradient, at whatever scale," in read_status(run).error
    assert len(events(run, "black_box")) == 1


def test_a_training_of_which_no_step_took_effect_fails_with_a_sentence_however_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.amp, "GradScaler", functools.partial(torch.amp.GradScaler, init_scale=2.0**120))
    run = run_of(tmp_path, 'precision = "fp16"', "steps = 3", "clip = 1.0", SGD)

    assert work(run) == 1

    status = read_status(run)
    assert status.error.startswith("nothing was learned: in each of the 3 steps a gradient overflowed in fp16")
    assert status.skipped_steps == 3
    reader = RunReader(run)
    reader.refresh()
    assert dict(show.lines(reader))["skipped"] == "the gradient scaler skipped 3 of 3 steps, as a gradient overflowed in fp16"
    assert [row[1] for row in rows(run, "steps", "grad_norm")] == [math.inf] * 3


def test_a_training_that_its_only_effective_step_has_spoilt_fails_with_a_sentence(tmp_path: Path) -> None:
    slow = '[optimizer]\nkind = "sgd"\nlr = 1e30\nmomentum = 0.0'
    run = run_of(tmp_path, 'precision = "fp16"', "steps = 3", slow)

    assert work(run) == 1

    error = read_status(run).error
    assert error.startswith("step 1 has spoilt the weights: the validation loss is not finite, and the gradient scaler skipped each of the 2 steps after it. Try")
    assert len(events(run, "black_box")) == 1


def test_weights_that_the_last_step_made_infinite_end_in_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Compute.update

    def update(compute: Compute) -> None:
        real(compute)
        with torch.no_grad():
            next(compute.model.parameters()).view(-1)[0] = math.inf

    monkeypatch.setattr(Compute, "update", update)
    run = run_of(tmp_path, "steps = 1", SGD)

    assert work(run) == 1

    assert "is not finite after the step; no checkpoint was written with it" in read_status(run).error
    assert checkpoint.saved_steps(run.checkpoints) == []


# Switches of the process


@pytest.fixture
def switches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts back what a run sets for the whole process."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    benchmark, tf32, precision = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = benchmark, tf32
    torch.set_float32_matmul_precision(precision)


@pytest.mark.parametrize(("deterministic", "tf32"), itertools.product([True, False], repeat=2))
@pytest.mark.usefixtures("switches")
def test_deterministic_and_tf32_are_switches_of_the_process(tmp_path: Path, deterministic: bool, tf32: bool) -> None:
    torch.backends.cudnn.benchmark = True
    trained(tiny_run(tmp_path, "steps = 1", f"deterministic = {str(deterministic).lower()}", f"tf32 = {str(tf32).lower()}"))

    assert torch.are_deterministic_algorithms_enabled() == deterministic
    assert torch.backends.cudnn.benchmark != deterministic
    assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")
    assert torch.backends.cudnn.allow_tf32 == tf32


# Formats and targets


def test_channels_last_is_another_order_of_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def watch(session: Session) -> None:
        def look(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))

        session.model.get_submodule("conv2").register_forward_pre_hook(look)

    plain, last = run_of(tmp_path, SGD, model=CNN), run_of(tmp_path, "channels_last = true", SGD, model=CNN)
    trained(plain)
    session = trained(last, watch)

    assert session.model.get_parameter("conv2.weight").is_contiguous(memory_format=torch.channels_last)
    assert seen
    assert all(seen)
    losses = [[row[1] for row in rows(run, "steps", "loss")] for run in (plain, last)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.parametrize("shares", [False, True])
def test_label_smoothing_spreads_its_share_over_all_classes(shares: bool) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    compute = Compute(model, torch.optim.SGD(model.parameters()), torch.device("cpu"), TrainingConfig(label_smoothing=0.3))
    inputs, labels = torch.randn(6, 4), torch.arange(6) % 3
    wanted = functional.one_hot(labels, 3).float()

    loss = compute.loss(inputs, wanted if shares else labels)

    by_hand = -((0.7 * wanted + 0.3 / 3) * functional.log_softmax(model(inputs), 1)).sum(1).mean()
    assert loss.item() == pytest.approx(by_hand.item())


def test_a_smoothed_training_is_evaluated_without_it(tmp_path: Path) -> None:
    run = run_of(tmp_path, "label_smoothing = 0.5", SGD)
    session = trained(run)

    with torch.no_grad():
        pairs = [(session.model(inputs), targets) for inputs, targets in session.validation]
    outputs, targets = (torch.cat(part) for part in zip(*pairs, strict=True))
    assert rows(run, "evals", "loss")[-1][1] == pytest.approx(functional.cross_entropy(outputs, targets).item())


@pytest.mark.parametrize(("more", "accumulate"), [("", 1), ("accumulate = 3", 3)])
def test_beside_a_smoothed_loss_the_plain_one_is_recorded_now_and_then(tmp_path: Path, more: str, accumulate: int) -> None:
    smoothed = trained(run_of(tmp_path / "smoothed", "label_smoothing = 0.2", more, SGD))
    found = rows(smoothed.run, "steps", "loss", "plain_loss")
    (_, loss, plain) = found[0]
    twin = run_of(tmp_path / "plain", more, SGD)
    trained(twin)
    # Of the first step, before they part.
    assert plain == pytest.approx(rows(twin, "steps", "loss")[0][1], rel=1e-6)
    assert plain != pytest.approx(loss, rel=1e-3)
    assert len(found) == -(-len(list(smoothed.batches.epoch(0))) // accumulate) * 2
    assert all(math.isnan(value) for *_, value in rows(twin, "steps", "plain_loss"))


def test_of_mixed_images_the_plain_loss_is_that_of_the_mixed_targets(tmp_path: Path) -> None:
    smoothed = run_of(tmp_path / "smoothed", "label_smoothing = 0.2", "[augment]\nmixup = 0.2", model=CNN)
    twin = run_of(tmp_path / "plain", "[augment]\nmixup = 0.2", model=CNN)
    for run in (smoothed, twin):
        trained(run)
    assert rows(smoothed, "steps", "plain_loss")[0][1] == pytest.approx(rows(twin, "steps", "loss")[0][1], rel=1e-6)
    assert all(math.isnan(value) for _, value in rows(twin, "steps", "plain_loss"))
