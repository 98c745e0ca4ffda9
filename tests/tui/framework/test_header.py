from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from gradtop.trainer.record import Meta, Run, RunState, Status
from gradtop.tui.framework.header import first_line, second_line
from gradtop.tui.reading.snapshot import Facts

CONFIG = MappingProxyType({"optimizer": {"kind": "adamw", "lr": 3e-3}, "data": {"kind": "digits"}, "training": {"batch_size": 64}})
STATUS = Status(model="cnn", parameters=1000, lr=0.0, samples_per_s=800.0, device="cpu", monitor="accuracy", monitor_mode="max", best=0.9812, best_epoch=7, seconds=723.0)


def line(state: RunState, width: int = 140, job: str = "train") -> str:
    facts = Facts(run=Run(Path("runs/some")), state=state, status=STATUS, config=CONFIG, meta=Meta(job=job))
    return "".join(text for text, _ in second_line(facts, width)).rstrip()


@pytest.mark.parametrize("state", [RunState.DONE, RunState.STOPPED, RunState.FAILED, RunState.DIED])
def test_a_run_that_has_ended_has_its_best_result_of_what_and_when_its_duration_and_the_configured_learning_rate(state: RunState) -> None:
    assert line(state) == " best accuracy 0.9812 (epoch 7) in 12:03 · cnn 1\u202f000 parameters · adamw lr 3e-3 · digits, batch 64 · cpu"
    assert line(state, 46) == " best accuracy 0.9812 (epoch 7) in 12:03"


def test_a_run_that_trains_has_the_figures_of_now() -> None:
    assert line(RunState.TRAINING) == " cnn 1\u202f000 parameters · adamw lr 0 · digits, batch 64 · cpu · 800 samples/s"


@pytest.mark.parametrize(("width", "shown"), [(120, "1\u202f200 of 4\u202f800  ━━━━━━"), (60, "25 %  0:30 left")])
def test_a_run_that_prepares_its_data_has_how_far_that_is_and_how_long_it_takes(width: int, shown: str) -> None:
    status = Status(state=RunState.STARTING, steps=500, epochs=5, preparing={"doing": "looking through the masks", "done": 1200, "of": 4800, "since": 10.0, "at": 20.0})
    facts = Facts(run=Run(Path("runs/some")), state=RunState.STARTING, status=status, config=CONFIG, meta=Meta())
    first = "".join(text for text, _ in first_line(facts, width))
    assert len(first) <= width
    assert shown in first
    assert "epoch" not in first
    assert ("25 %" in first, "0:30 left" in first) == (True, True)


def test_another_job_that_has_ended_has_no_learning_rate_neither_its_last_one_nor_a_configured_one() -> None:
    assert "adamw ·" in line(RunState.DONE, job="lr_range")
    assert "adamw lr 0 ·" in line(RunState.TRAINING, job="lr_range")


def test_a_mask_that_is_active_is_said_beside_the_parameters() -> None:
    facts = Facts(run=Run(Path("runs/some")), state=RunState.TRAINING, status=STATUS._replace(masked=300), config=CONFIG, meta=Meta())
    assert " cnn 1\u202f000 parameters, 30 % masked · adamw" in "".join(text for text, _ in second_line(facts, 140))
