from __future__ import annotations

from pathlib import Path

from gradtop.trainer.analysis.newest import newest_status
from gradtop.trainer.record import Run, RunReader
from gradtop.tui.cli import show
from gradtop.tui.reading.facts import Watch
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
    assert Watch(run).read().status.step == step


def test_of_any_other_run_the_status_holds(tmp_path: Path) -> None:
    reader = RunReader(behind(tmp_path, "stopped"))
    reader.refresh()

    assert newest_status(reader) is reader.status
