"""SIGKILL of a training on a table: it resumes to where it would have come anyway."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.record import new_run, read_status
from tests.data.tables import houses, table_config, write_csv
from tests.process.support import Worker
from tests.training.runs import check_alike, events

Start = Callable[..., Worker]
EPOCHS = 20  # 120 steps


def test_a_killed_training_on_a_table_resumes_bit_for_bit(tmp_path: Path, start: Start) -> None:
    file = write_csv(tmp_path / "houses.csv", houses())
    config = table_config(file, ["dear"], data='drop = ["price"]\nmissing = "median"', epochs=EPOCHS, training="threads = 1\ncheckpoint_every = 20")
    whole, killed = (new_run(tmp_path / "runs", config, {}) for _ in range(2))
    assert start(killed, dies_at_step=90).wait() == -signal.SIGKILL
    assert read_status(killed).state == "training"
    assert start(killed, "--resume").wait() == 0
    assert events(killed, "resumed")[-1]["step"] > 0, "no checkpoint was there to go on from"
    assert start(whole).wait() == 0
    check_alike(whole, killed)
