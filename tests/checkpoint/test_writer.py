"""The thread that writes checkpoints: nothing that lies about ends it, and it does not end unseen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint import writer
from gradtop.trainer.checkpoint.sidecar import Saved
from gradtop.trainer.checkpoint.writer import CheckpointWriter, newest_text
from gradtop.trainer.record import Run, StreamWriter, new_run
from gradtop.trainer.runtime.errors import UserError
from tests.training.runs import events


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(writer, "APART", 0.0)
    return new_run(tmp_path, "", {})


@pytest.fixture
def stream(run: Run) -> Iterator[StreamWriter]:
    stream = StreamWriter(run)
    yield stream
    stream.close()


def submit(own: CheckpointWriter, step: int, **more: object) -> None:
    own.submit({"step": step, "epoch": 0, "weights": torch.ones(3), **more}, Saved(step=step, epoch=0, val_loss=float(step)))


def warnings(run: Run, stream: StreamWriter) -> list[str]:
    stream.flush()
    return [str(event["message"]) for event in events(run, "warning")]


def test_a_sidecar_that_cannot_be_replaced_costs_a_warning_and_no_checkpoint(run: Run, stream: StreamWriter) -> None:
    own = CheckpointWriter(run, stream, 1, lambda _: None)
    for step in (1, 2):
        submit(own, step)
        assert own.finish() is None
    (run.checkpoints / "step-000002.json").unlink()
    (run.checkpoints / "step-000002.json").mkdir()
    for step in (3, 4):
        submit(own, step)
        assert own.finish() is None
    own.close()

    assert own.newest == 4
    assert checkpoint.saved_steps(run.checkpoints)[-1] == 4
    assert [message for message in warnings(run, stream) if "old checkpoints not removed" in message]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_said_and_begun_anew(run: Run, stream: StreamWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    own = CheckpointWriter(run, stream, 1, lambda _: None)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", lambda *_, **__: exit_thread())
        submit(own, 1)
        assert own._thread is not None
        own._thread.join()
    own.check()
    submit(own, 2)
    assert own.finish() is None
    own.close()

    assert own.newest == 2
    assert [message for message in warnings(run, stream) if "started again" in message]


def exit_thread() -> None:
    raise SystemExit


def test_what_cannot_be_read_back_is_said_by_its_key_when_it_was_first_written(run: Run, stream: StreamWriter) -> None:
    before = threading.enumerate()
    own = CheckpointWriter(run, stream, 1, lambda _: None)
    submit(own, 1, model={"head": {"lock": Odd()}})
    with pytest.raises(UserError, match=r"^model\.head\.lock cannot be read back"):
        own.finish()
    with pytest.raises(UserError):
        submit(own, 2)
    own.close()

    assert checkpoint.saved_steps(run.checkpoints) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "checkpoints" and thread not in before]


class Odd:
    pass


def test_what_could_not_be_read_back_for_another_reason_counts_is_said_and_verified_later(run: Run, stream: StreamWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    problems: list[str] = []
    own = CheckpointWriter(run, stream, 1, problems.append)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "load", refuse)
        for step in (1, 2):
            submit(own, step)
            assert own.finish() is None
        # None of them is known to be good.
        assert checkpoint.saved_steps(run.checkpoints) == [1, 2]
        assert own.newest == 2
    own.close()

    assert checkpoint.saved_steps(run.checkpoints)[-1] == 2
    assert [message for message in warnings(run, stream) if message.startswith("checkpoint of step 2 written, but not verified: the checkpoint step-000002.pt cannot be read (too many open files)")]
    assert problems[-1] == ""


def refuse(path: Path, **_: object) -> None:
    raise UserError(f"the checkpoint {path.name} cannot be read (too many open files)")


def test_where_a_resume_begins_is_said_of_a_fork_too_that_has_no_checkpoint_yet(run: Run) -> None:
    (run.checkpoints / "step-000007.pt").write_bytes(b"weights")
    assert newest_text(run).endswith("of step 7, where a resume begins")
    (run.checkpoints / "step-000007.pt").unlink()
    assert newest_text(run) == "there is no checkpoint, and a resume begins anew"
    run.origin.write_bytes(b"weights")
    assert newest_text(run) == "there is no checkpoint, and a resume begins at the checkpoint that the run was forked from"


def test_a_checkpoint_that_is_due_just_after_the_run_was_moved_is_written_there(run: Run, stream: StreamWriter, tmp_path: Path) -> None:
    problems: list[str] = []
    own = CheckpointWriter(run, stream, 1, problems.append)
    submit(own, 1)
    assert own.finish() is None  # the writer of streams has looked for the run, and does so again in two seconds
    moved = Run(tmp_path / "elsewhere")
    run.path.rename(moved.path)

    submit(own, 2)

    assert own.finish() is None
    own.close()
    assert problems == []
    assert checkpoint.saved_steps(moved.checkpoints)[-1] == 2
    assert not events(moved, "warning")
