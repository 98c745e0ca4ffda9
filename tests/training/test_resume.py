from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.sidecar import path_of
from gradtop.trainer.launch.run_config import effective_config
from gradtop.trainer.record import RunReader, RunState, read_status, write_status
from gradtop.trainer.runtime.signals import Signals
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import loop
from gradtop.trainer.training.evaluate import evaluate
from tests.training.runs import (
    SignalAtLook,
    differences,
    events,
    finished,
    newest_state,
    rows,
    stop_and_resume,
    tiny_run,
)


def test_the_steps_of_a_resumed_run_are_neither_doubled_nor_shifted(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    stop_and_resume(run, 1, 2, 3)

    steps = [int(row[0]) for row in rows(run, "steps")]
    assert steps == list(range(1, read_status(run).steps + 1))


def test_a_stop_during_the_evaluation_leaves_it_to_the_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(tmp_path)
    signals = Signals()

    def evaluate_and_stop(*arguments: Any, **keywords: Any) -> Any:
        signals.received, signals.name = 1, "SIGTERM"
        return evaluate(*arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "evaluate", evaluate_and_stop)
        assert work(run, signals=signals) == 0
    status = read_status(run)
    assert (status.state, status.step) == ("stopped", status.steps // 2)
    assert events(run, "epoch") == []

    assert work(run, resume=True) == 0

    assert [event["epoch"] for event in events(run, "epoch")] == [1, 2]


def test_a_torn_checkpoint_is_passed_over_and_said(tmp_path: Path) -> None:
    whole = tiny_run(tmp_path)
    work(whole)
    run = tiny_run(tmp_path)
    work(run, signals=SignalAtLook(2))
    work(run, resume=True, signals=SignalAtLook(3))
    newest = path_of(run.checkpoints, checkpoint.saved_steps(run.checkpoints)[-1])
    newest.write_bytes(newest.read_bytes()[:1000])

    assert work(run, resume=True) == 0

    assert any(newest.name in str(event["message"]) for event in events(run, "warning"))
    assert differences(finished(whole), finished(run)) == []
    assert rows(whole, "steps", "loss") == rows(run, "steps", "loss")


def test_a_checkpoint_in_which_a_bit_has_changed_is_passed_over_and_said(tmp_path: Path) -> None:
    whole, run = tiny_run(tmp_path), tiny_run(tmp_path)
    work(whole)
    work(run, signals=SignalAtLook(2))
    work(run, resume=True, signals=SignalAtLook(3))
    newest = path_of(run.checkpoints, checkpoint.saved_steps(run.checkpoints)[-1])
    with zipfile.ZipFile(newest) as archive:
        largest = max((each for each in archive.infolist() if "/data/" in each.filename), key=lambda each: each.file_size)
    data = bytearray(newest.read_bytes())
    start = largest.header_offset + 30 + sum(struct.unpack_from("<HH", data, largest.header_offset + 26))
    data[start + largest.file_size // 2] ^= 1
    newest.write_bytes(data)

    assert work(run, resume=True) == 0

    assert any(f"{newest.name} cannot be read (damaged: " in str(event["message"]) for event in events(run, "warning"))
    assert differences(finished(whole), finished(run)) == []


def test_a_resume_without_any_checkpoint_starts_from_the_beginning_and_says_so(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)

    assert work(run, resume=True) == 0

    assert read_status(run).state == "done"
    assert "from the beginning" in str(events(run, "warning")[0]["message"])


def test_a_run_whose_checkpoints_are_all_unreadable_fails_rather_than_start_over(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    work(run)
    for step in checkpoint.saved_steps(run.checkpoints):
        path_of(run.checkpoints, step).write_bytes(b"torn")

    assert work(run, resume=True) == 1

    assert "can be read" in read_status(run).error


def test_a_checkpoint_of_another_model_is_refused_with_a_sentence(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    work(run, signals=SignalAtLook(2))
    before = read_status(run)
    run.config.write_text(run.config.read_text().replace("hidden = [8]", "hidden = [9]"))

    assert work(run, resume=True) == 1

    after = read_status(run)
    assert after.error.startswith(
        "could not be resumed: the checkpoint of step 2 does not fit: run.toml has changed (model.hidden [8] → [9]); the model is another ("
    )
    assert "gradtop fork" in after.error
    # The attempt leaves the run as it was.
    assert after.not_resumed
    assert after._replace(error=before.error, updated=before.updated, not_resumed=False) == before
    assert [event["message"] for event in events(run, "warning")] == [f"the run {after.error}"]
    assert [event["state"] for event in events(run, "end")] == ["stopped"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (("samples = 60", "samples = 90"), "run.toml has changed (data.samples 60 → 90); the data have changed (train_images: samples "),
        (("batch_size = 8", "batch_size = 4"), "run.toml has changed (training.batch_size 8 → 4). Put back"),
    ],
)
def test_other_data_and_another_length_of_an_epoch_are_refused_by_name(tmp_path: Path, setting: tuple[str, str], said: str) -> None:
    run = tiny_run(tmp_path)
    work(run, signals=SignalAtLook(2))
    run.config.write_text(run.config.read_text().replace(*setting))

    assert work(run, resume=True) == 1

    assert said in read_status(run).error


def test_settings_that_were_edited_in_run_toml_take_effect_at_a_resume_or_are_refused(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, '[optimizer]\nkind = "adamw"\nlr = 0.001\nweight_decay = 0.01\namsgrad = false\n', '[schedule]\nkind = "cosine"\n', epochs=40)
    work(run, signals=SignalAtLook(2))
    written = run.config.read_text()
    before = newest_state(run)["optimizer"]["param_groups"][0]
    for one, other in (("\nlr = 0.001", "\nlr = 0.01"), ("weight_decay = 0.01", "weight_decay = 0.25"), ("seed = 3", "seed = 4")):
        assert one in run.config.read_text()
        run.config.write_text(run.config.read_text().replace(one, other))

    work(run, resume=True, signals=SignalAtLook(2))

    assert read_status(run).state == "stopped"
    after = newest_state(run)["optimizer"]["param_groups"][0]
    assert (before["weight_decay"], after["weight_decay"]) == (0.01, 0.25)
    assert after["lr"] == pytest.approx(0.01, rel=0.05)
    assert effective_config(run).optimizer.lr == 0.01
    assert events(run, "resumed")[-1]["changes"] == {"optimizer.lr": 0.01, "optimizer.weight_decay": 0.25}
    said = "run.toml has changed since the checkpoint, and training goes on with what is there now: training.seed 3 → 4"
    assert events(run, "warning")[0]["message"] == said

    run.config.write_text(written.replace("amsgrad = false", "amsgrad = true"))
    assert work(run, resume=True) == 1
    assert "run.toml has changed (" in read_status(run).error
    assert "optimizer.amsgrad false → true" in read_status(run).error


def test_a_resume_of_a_run_that_nobody_edited_says_nothing_of_its_settings(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    work(run, signals=SignalAtLook(2))
    assert work(run, resume=True) == 0
    assert events(run, "warning") == []
    assert events(run, "resumed")[-1]["changes"] == {}


def test_a_resume_that_fails_leaves_a_run_that_died_as_one_that_died(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    work(run, signals=SignalAtLook(2))
    # As a kill leaves it: without an end, and said to be trained by a process that is no more.
    write_status(run, read_status(run)._replace(state=RunState.TRAINING, pid=0, pid_started=1.0))
    lines = [line for line in run.events.read_text().splitlines() if json.loads(line)["kind"] != "end"]
    run.events.write_text("\n".join(lines) + "\n")
    text = run.config.read_text()
    run.config.write_text(text.replace("hidden = [8]", "hidden = [9]"))
    for _ in range(2):
        assert work(run, resume=True) == 1
        reader = RunReader(run)
        reader.refresh()
        assert (reader.state, reader.status.step) == ("died", 2)

    run.config.write_text(text)
    assert work(run, resume=True) == 0
    assert (read_status(run).state, read_status(run).error) == ("done", "")


def test_a_trained_run_is_not_trained_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tiny_run(tmp_path)
    work(run)
    before = run.status.read_bytes()

    assert work(run) == 1

    assert run.status.read_bytes() == before
    assert "--resume" in capsys.readouterr().err


def test_a_finished_run_resumed_is_done_at_once(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    work(run)
    weights = newest_state(run)["model"]

    assert work(run, resume=True) == 0

    assert read_status(run).state == "done"
    assert differences(weights, newest_state(run)["model"]) == []
    assert len(rows(run, "evals")) == 2


def test_the_time_trained_is_summed_over_resumes(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    work(run, signals=SignalAtLook(2))
    first = read_status(run)
    assert newest_state(run)["stopwatch"] == {"seconds": first.seconds}
    work(run, resume=True)

    second = read_status(run)
    assert second.seconds > first.seconds > 0
    assert second.started == first.started
