"""Half precision: the loss falls as in full, and steps that overflow are left out."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.analysis.event_text import whole
from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.config import sections
from gradtop.trainer.record import RunReader, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.step import Compute
from gradtop.tui.cli import show
from tests.training.features import CNN, SGD, run_of
from tests.training.runs import differences, events, rows, trained

OPTIMIZERS = next(part.kinds for part in sections() if part.name == "optimizer")


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
