"""No room, or no leave to write, while a real worker trains."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.record import read_status, send, wait_for_answer
from gradtop.tui.cli.main import main
from tests.disk import mounted, occupy
from tests.process.support import CONFIG, FOREVER, Worker, let_others_go_first, make_run, state_of, wait_for_step
from tests.support import wait_until
from tests.training.runs import events

Start = Callable[..., Worker]

EPOCHS = 75  # one second, of which a run that lets others go first has most left when its disk is full
LOST = "some telemetry could not be written"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path, "2m") as disk:
        yield disk


def test_a_disk_that_fills_up_costs_records_and_no_step(tmp_path: Path, small_disk: Path, start: Start) -> None:
    run = make_run(small_disk, epochs=EPOCHS)
    log = tmp_path / "log"  # on another disk, so that what the worker says can be read
    worker = start(run, log=log)
    wait_for_step(run, 20)
    let_others_go_first(run)
    occupy(small_disk)

    assert worker.wait(90) == 1

    status = read_status(run)
    assert (status.state, status.step, state_of(run)) == ("failed", EPOCHS * 25, "failed")
    assert status.dropped > 0
    assert LOST in status.warning or "checkpoint" in status.warning
    newest = checkpoint.saved_steps(run.checkpoints)[-1]
    assert status.error == (
        f"trained to step {EPOCHS * 25}, but that is in no checkpoint (No space left on device): "
        f"the newest checkpoint is of step {newest}, where a resume begins"
    )
    assert log.read_text().count(LOST) == 1


def test_on_a_full_disk_a_run_can_be_steered_and_its_end_says_what_was_saved(tmp_path: Path, small_disk: Path, start: Start) -> None:
    run = make_run(small_disk, epochs=FOREVER)
    worker = start(run, log=tmp_path / "log")
    wait_for_step(run, 20)
    wait_until(lambda: checkpoint.saved_steps(run.checkpoints), 60, "a checkpoint")
    occupy(small_disk)
    wait_until(lambda: read_status(run).dropped > 0, 60, "records to be lost")
    index = RunIndex(small_disk)

    def listed() -> str:
        index.refresh()
        return index.rows(RunsView())[0].words

    wait_until(lambda: "no space left on device" in listed().lower(), 60, "the list to say that the disk is full")

    for command, arguments in (("set", {"changes": {"training.clip": 0.5}}), ("pause", {}), ("continue", {}), ("stop", {})):
        answer = wait_for_answer(run, send(run, command, **arguments), 60)
        assert answer is not None, f"no answer to {command}"
        assert answer["ok"], answer

    assert worker.wait() == 0
    newest = checkpoint.saved_steps(run.checkpoints)[-1]
    status = read_status(run)
    assert status.state == "stopped"
    assert status.error.endswith(f"the newest checkpoint is of step {newest}, where a resume begins")
    assert [event["reason"] for event in events(run, "end")] == [status.error]
    assert not run.reserve.exists()


@pytest.mark.parametrize(("command", "ends"), [(["stop"], "ended by SIGTERM"), (["kill", "--yes"], "ended by a second signal, ")])
def test_where_the_reserve_is_used_up_too_the_end_is_asked_for_by_a_signal(
    tmp_path: Path, small_disk: Path, start: Start, command: list[str], ends: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run = make_run(small_disk, epochs=FOREVER)
    worker = start(run, log=tmp_path / "log")
    wait_for_step(run, 20)
    run.reserve.unlink()
    run.reserve.mkdir()  # what nobody can free a block of
    occupy(small_disk)
    wait_until(lambda: read_status(run).dropped > 0, 60, "records to be lost")
    occupy(small_disk)  # also what a torn record gave back

    assert main([command[0], str(run.path), *command[1:], "--timeout", "30"]) == 0

    assert worker.wait() == 0
    assert read_status(run).error.startswith(ends)
    out, err = capfd.readouterr()
    assert out.endswith(" was stopped.\n")
    assert f"cannot be written (No space left on device); sent SIGTERM{' and SIGINT' if command[0] == 'kill' else ''} to its process {worker.pid} instead" in err


def test_a_model_that_prints_trains_on_while_its_log_lies_on_a_full_disk(small_disk: Path, start: Start) -> None:
    # 100 bytes for each batch.
    model = '[model]\nkind = "custom"\ntarget = "tests.process.printing:printing"\n'
    tables = CONFIG.format(epochs=EPOCHS)
    run = make_run(small_disk, config=model + tables[tables.index("[data]") :])
    worker = start(run, log=run.log)
    wait_for_step(run, 20)
    let_others_go_first(run)
    occupy(small_disk)
    assert worker.wait(90) == 1
    assert (read_status(run).step, read_status(run).error[:21]) == (EPOCHS * 25, f"trained to step {EPOCHS * 25},")


def test_when_there_is_room_again_records_and_checkpoints_go_on(tmp_path: Path, small_disk: Path, start: Start) -> None:
    run = make_run(small_disk, epochs=FOREVER)
    log = tmp_path / "log"
    worker = start(run, log=log)
    wait_for_step(run, 20)
    ballast = occupy(small_disk)
    wait_until(lambda: read_status(run).dropped > 0, 60, "records to be lost")
    assert state_of(run) == "training"

    ballast.unlink()
    seen = len(events(run, "checkpoint"))
    wait_until(lambda: len(events(run, "checkpoint")) > seen, 60, "a checkpoint")
    worker.kill(signal.SIGTERM)

    assert worker.wait() == 0
    assert state_of(run) == "stopped"
    assert log.read_text().count(LOST) == 1
    assert read_status(run).warning == "" or LOST in read_status(run).warning


def test_a_run_directory_that_becomes_read_only_costs_no_step(tmp_path: Path, start: Start) -> None:
    run = make_run(tmp_path, epochs=EPOCHS)
    worker = start(run, unprivileged=True)
    wait_for_step(run, 20)
    let_others_go_first(run)
    folders = [run.path, *(path for path in run.path.iterdir() if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert worker.wait(90) == 1
    finally:
        for folder in folders:
            folder.chmod(0o700)

    status = read_status(run)
    assert (status.state, status.step, state_of(run)) == ("failed", EPOCHS * 25, "failed")
    assert "is in no checkpoint (Permission denied)" in status.error
    assert "checkpoint" in status.warning, "the warning tells of the checkpoint that could not be written"
    assert run.log.read_text().splitlines()[-1].startswith("failed at step")
