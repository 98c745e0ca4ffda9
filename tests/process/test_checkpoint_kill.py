"""SIGKILL at each file operation of the thread that writes checkpoints: the best is known, alone, and never deleted."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.record import Run, RunReader, read_status
from tests.process.support import Worker, make_run, state_of, witnessed
from tests.training.runs import rows

Start = Callable[..., Worker]

# The validation loss is lowest in the middle, and one more checkpoint is kept beside the best.
TURNING = """
[model]
kind = "mlp"
hidden = [8]

[data]
kind = "fake"
samples = 40
classes = 3
image_size = 4
channels = 1

[optimizer]
kind = "adamw"
lr = 0.05

[monitor]
enabled = false

[training]
epochs = {epochs}
batch_size = 8
device = "cpu"
seed = 3
keep_checkpoints = 1
"""
EPOCHS = 12
# So many operations come with a handful of checkpoints; a worker that has fewer left ends by itself.
OPERATIONS = 90


def losses(run: Run) -> dict[int, float]:
    return {int(step): loss for step, loss in rows(run, "evals", "loss")}


def check_best(run: Run, expected: dict[int, float], witness: Path) -> None:
    """The best of all checkpoints that were ever there is there still, and the only one that is said to be it."""
    there = checkpoint.saved_steps(run.checkpoints)
    ever = {*there, *(said["checkpoint"] for said in witnessed(witness) if "checkpoint" in said)}
    found = RunReader(run).checkpoints()
    assert [each.step for each in found] == there, "a checkpoint and its sidecar came apart"
    assert [each.val_loss for each in found] == [expected[step] for step in there], "a score was lost"
    best = min(ever, key=lambda step: (expected[step], step), default=None)
    assert [each.step for each in found if each.best] == [best][: len(ever)], f"the best of {sorted(ever)} is step {best}"


def check_end(run: Run, whole: Run, expected: dict[int, float]) -> None:
    assert losses(run) == expected
    notes = {path.stem: json.loads(path.read_text()) for path in run.checkpoints.glob("*.json")}
    best = min(expected, key=lambda step: (expected[step], step))
    assert {note["step"]: note["val_loss"] for note in notes.values()} == {step: expected[step] for step in (best, max(expected))}
    assert [note["step"] for note in notes.values() if note["best"]] == [best]
    assert {path.suffix for path in run.checkpoints.iterdir()} == {".pt", ".json"}, "something was left lying about"
    status, other = read_status(run), read_status(whole)
    assert (status.state, status.step, status.loss, status.lr) == ("done", other.step, other.loss, other.lr)
    assert (status.best_val_loss, status.val_loss) == (other.best_val_loss, other.val_loss)


@pytest.mark.timeout(3600)  # as long as --checkpoint-kills may take
def test_wherever_the_writing_of_checkpoints_is_killed_the_best_is_kept(
    tmp_path: Path, start: Start, request: pytest.FixtureRequest
) -> None:
    kills = int(request.config.getoption("--checkpoint-kills"))
    chance = random.Random(kills)
    whole = make_run(tmp_path, config=TURNING, epochs=EPOCHS)
    assert start(whole).wait() == 0, read_status(whole).error
    expected = losses(whole)
    assert 1 < list(expected.values()).index(min(expected.values())) < EPOCHS - 2

    done = 0
    while done < kills:
        run, witness = make_run(tmp_path, config=TURNING, epochs=EPOCHS), tmp_path / f"witness.{done}"
        while done < kills:
            # Each operation in turn where there are kills enough, in an order that is drawn.
            order = chance.sample(range(1, OPERATIONS), 1)[0] if done >= OPERATIONS else done + 1
            worker = start(run, *(["--resume"] if done and any(run.checkpoints.glob("*.pt")) else []), witness=witness, dies_at=order)
            ended = worker.wait() == 0
            worker.close()  # a thousand would be more open files than select takes
            if ended:
                break
            done += 1
            check_best(run, expected, witness)
        if state_of(run) != "done":
            assert start(run, "--resume").wait() == 0, run.log.read_text()
        check_end(run, whole, expected)
    print(f"{done} kills at file operations, no wrong best")
