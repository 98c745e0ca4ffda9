from __future__ import annotations

import math
from pathlib import Path

import pytest

from gradtop.trainer.analysis.findings import report
from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.analysis.newest import evaluated, newest_status
from gradtop.trainer.record import Run, RunReader, Status
from gradtop.tui.cli import show
from gradtop.tui.reading.facts import WatchedRun
from tests.tui.runs_fixture import STEPS_PER_EPOCH, fake_run

BEHIND = 30  # steps that were recorded after the last status


def behind(folder: Path, state: str) -> Run:
    run, grower = fake_run(folder, "quiet-heron", steps=STEPS_PER_EPOCH - 10, state="training")
    if state == "died":
        grower.status("training", pid=1 << 22)
    else:
        grower.status(state)
    grower.grow(BEHIND)
    grower.close()
    return run


def test_a_run_that_died_is_shown_as_far_as_its_records_go(tmp_path: Path) -> None:
    run = behind(tmp_path, "died")
    reader = RunReader(run)
    reader.refresh()
    step = STEPS_PER_EPOCH - 10 + BEHIND - 1  # the first record is of step 0

    status = newest_status(reader)

    assert (reader.state, reader.status.step) == ("died", step + 1 - BEHIND)
    assert (status.step, status.epoch, reader.status.epoch) == (step, 2, 1)
    assert status.loss != reader.status.loss
    assert dict(show.lines(reader))["progress"].startswith(f"epoch 2/{status.epochs}, step {step} of ")
    assert WatchedRun(run).read().status.step == step


def test_its_best_evaluation_may_be_newer_than_its_status(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path, "quiet-heron", steps=STEPS_PER_EPOCH - 10, state="training")
    grower.status("training", pid=1 << 22)
    grower.grow(BEHIND)
    grower.close()
    reader = RunReader(run)
    reader.refresh()
    reader.stream("evals").refresh()
    newest = reader.stream("evals").last()
    assert newest is not None

    status = newest_status(reader)

    assert reader.status.best is None
    assert (status.best, status.best_epoch, status.val_loss_at_best) == (newest["loss"], 1, newest["loss"])
    assert (status.val_loss, status.val_accuracy, status.best_val_accuracy) == (newest["loss"], newest["accuracy"], newest["accuracy"])
    index = RunIndex(tmp_path)
    index.refresh()
    (row,) = index.rows(RunsView())
    assert row.status._replace(updated=0.0) == status._replace(updated=0.0)
    (died,) = [finding for finding in report(reader).findings if finding.name == "died"]
    assert died.evidence["step"] == status.step == STEPS_PER_EPOCH - 10 + BEHIND - 1


@pytest.mark.parametrize("epoch", [math.nan, math.inf, -1.0, 1e300])
def test_an_epoch_that_is_none_is_not_believed(epoch: float) -> None:
    status = evaluated(Status(epochs=3), {"epoch": epoch, "loss": 0.5, "accuracy": math.nan})
    assert (status.best, status.best_epoch, status.accuracy_at_best) == (0.5, 0, None)


def test_of_any_other_run_the_status_holds(tmp_path: Path) -> None:
    reader = RunReader(behind(tmp_path, "stopped"))
    reader.refresh()

    assert newest_status(reader) is reader.status
