from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from gradtop.trainer.record import Meta, Run, RunState, Status
from gradtop.tui.framework.header import second_line
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


def test_another_job_that_has_ended_has_no_learning_rate_neither_its_last_one_nor_a_configured_one() -> None:
    assert "adamw ·" in line(RunState.DONE, job="lr_range")
    assert "adamw lr 0 ·" in line(RunState.TRAINING, job="lr_range")


def test_a_mask_that_is_active_is_said_beside_the_parameters() -> None:
    facts = Facts(run=Run(Path("runs/some")), state=RunState.TRAINING, status=replace(STATUS, masked=300), config=CONFIG, meta=Meta())
    assert " cnn 1\u202f000 parameters, 30 % masked · adamw" in "".join(text for text, _ in second_line(facts, 140))
