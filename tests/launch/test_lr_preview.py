"""The preview of the learning rate: the numbers of a training that was recorded, for every schedule; and a process that dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.config import load_config, sections, to_tables
from gradtop.trainer.launch.lr_preview import Preview
from gradtop.trainer.runtime.worker import work
from tests.training.runs import rows, tiny_run

KINDS = next(part.kinds for part in sections() if part.name == "schedule")
MORE = {
    "step": "step_size = 1", "multistep": "milestones = [1, 2]", "cosine_restarts": "period = 1", "exponential": 'unit = "steps"',
    "cosine": "warmup_steps = 5", "wsd": 'warmup_epochs = 0.5\nwarmup_shape = "cosine"', "plateau": "warmup_steps = 3",
}  # fmt: skip


@pytest.fixture(autouse=True)
def of_this_checkout(quiet_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is installed, the process that plans is this trainer's."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / ".src"))


@pytest.fixture(scope="module")
def preview() -> Iterator[Preview]:
    asked = Preview()
    yield asked
    asked.close()


@pytest.mark.parametrize("kind", KINDS)
def test_preview_and_training_are_the_same_numbers(preview: Preview, tmp_path: Path, kind: str) -> None:
    run = tiny_run(tmp_path, f'[schedule]\nkind = "{kind}"\n{MORE.get(kind, "")}', epochs=3)
    plan = preview.plan(to_tables(load_config(run.config)))
    assert plan.problem == ""
    assert work(run) == 0
    assert list(plan.points) == rows(run, "steps", "lr")
    assert len(plan.points) == plan.steps == 24


def test_what_cannot_be_planned_is_said(preview: Preview) -> None:
    assert "optimizer.lr" in preview.plan({"optimizer": {"lr": -1.0}}).problem
    text = {"model": {"kind": "language_model"}, "data": {"kind": "text"}}
    assert "how many steps an epoch has" in preview.plan(text).problem
    assert preview.plan(text, steps_per_epoch=7).steps_per_epoch == 7


def test_a_process_that_was_killed_is_started_anew_by_the_next_question(preview: Preview) -> None:
    assert preview.plan({}).problem == ""
    process = preview._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert preview.plan({}).problem == ""


def test_a_python_that_does_not_start_is_said_and_nothing_is_asked_after_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    asked = Preview()
    assert "gradtop doctor" in asked.plan({}).problem
    asked.close()
    assert asked.plan({}).problem == "the preview is closed"


def test_one_that_does_not_answer_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mute = tmp_path / "python"
    mute.write_text("#!/bin/sh\nexec cat > /dev/null\n")
    mute.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(mute))
    asked = Preview(importing=0.05, answering=0.05)
    assert "does not answer" in asked.plan({}).problem
    asked.close()
