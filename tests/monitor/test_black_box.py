"""Spikes of the loss, and the black box of a training that went wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from gradtop.trainer.analysis.event_text import black_box_text
from tests.monitor.support import events, monitored


def test_a_spike_of_the_loss_is_told_once_a_minute(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        training.train(100)
        for _ in range(3):
            training.monitor.after_step(training.step + 1, torch.tensor(50.0), 0.1, None, 0.0, 6)
            training.step += 1
            training.train(100)

    (spike,) = events(run, "black_box")
    assert spike["step"] == 101
    assert "the loss rose to 50, from 1." in str(spike["what"])


def test_a_spike_is_what_the_finding_says_it_is(tmp_path: Path) -> None:
    """A rise of less than the loss was in the beginning, in a single step, is none; in several steps it is; where the process began does not matter."""
    with monitored(tmp_path) as (training, run, _):
        training.monitor.first_losses.extend([100.0] * 3)
        training.train(100)

        def rise_to(loss: float, steps: int) -> None:
            for _ in range(steps):
                training.monitor.after_step(training.step + 1, torch.tensor(loss), 0.1, None, 0.0, 6)
                training.step += 1
            training.monitor.flush()

        rise_to(60.0, 1)
        training.train(50)
        rise_to(60.0, 4)

    (spike,) = events(run, "black_box")
    assert spike["step"] == 152
    assert "the loss rose to 60, from 1." in str(spike["what"])


def test_a_training_that_only_goes_well_has_no_spike(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        training.train(500)

    assert events(run, "black_box") == []


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_the_black_box_names_the_parameter_that_went_wrong(tmp_path: Path, clip: float) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    with monitored(tmp_path, model, clip=clip) as (training, _, _):
        training.train(200)

        def spoil(step: int) -> None:
            for place in (0, 1):
                for parameter in model[place].parameters():
                    assert parameter.grad is not None
                    parameter.grad[0] = math.nan
            told.append(training.monitor.black_box(step, "the gradient of 1.weight"))

        told: list[dict[str, object]] = []
        training.between = spoil
        training.train(1)

    (box,) = told
    assert box["parameter"] == "1.weight"
    assert box["step"] == 201
    assert black_box_text(box) == "step 201: the gradient of 1.weight is not finite"
    steps = box["steps"]
    assert isinstance(steps, dict)
    assert steps["step"] == list(range(169, 201))
    assert steps["loss"] == pytest.approx(training.losses[168:200], rel=1e-4)
    assert len(json.dumps(box)) < 6000


def test_the_black_box_of_a_device_that_noticed_late_goes_by_the_samples(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, _, _):
        training.train(99)

        measure = training.monitor.after_backward

        def spoil(step: int) -> None:
            for parameter in training.model.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(math.nan)
            measure(step)

        training.monitor.after_backward = spoil  # type: ignore[method-assign]
        training.train(1)
        box = training.monitor.black_box(100, "")

    assert box["parameter"] == "2.weight"
    assert (box["parameter"], box["wrong"]) == ("2.weight", True)
    assert black_box_text(box) == "step 100: a gradient is not finite; 2.weight is the first non-finite one"


def test_a_black_box_before_the_first_step_is_empty(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, _, _):
        box = training.monitor.black_box(1, "the loss")

    assert box["parameter"] == ""
    assert black_box_text(box) == "step 1: the loss is not finite"
    json.dumps(box)
