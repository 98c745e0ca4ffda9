"""What a worker leaves behind, assembled as it is: status and streams of real trainings."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.record import Status, read_status
from gradtop.trainer.record.status import parse_status
from tests.training.runs import tiny_run, trained


def test_the_status_says_how_many_steps_make_an_epoch(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    run.config.write_text(run.config.read_text().replace("epochs = 2", "steps = 10"))
    session = trained(run)

    status = read_status(run)
    assert status.steps_per_epoch == session.per_epoch == len(list(session.batches.epoch(0)))
    assert (status.steps, status.epochs) == (10, -(-10 // session.per_epoch))


def test_a_status_of_before_the_field_counts_whole_epochs() -> None:
    assert parse_status({"steps": 90, "epochs": 2}) == Status(steps=90, epochs=2, steps_per_epoch=45)
