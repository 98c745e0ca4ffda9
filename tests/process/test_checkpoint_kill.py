"""SIGKILL at each file operation of the thread that writes checkpoints: the best is known, alone, and never deleted."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.metrics import Monitored
from gradtop.trainer.record import Run, RunReader, read_status
from tests.process.support import Worker, make_run, state_of, witnessed
from tests.training.runs import TIMES, differences, newest_state, rows

Start = Callable[..., Worker]

# One more checkpoint is kept beside the best.
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
# With each the best evaluation is not the last one.
VARIANTS = {
    "loss": "",
    "ema": "ema = 0.9",
    "accuracy": 'monitor = "accuracy"',  # the highest is the best, and several are equal
    "f1 with ema": 'monitor = "f1"\nema = 0.5',
    "highest loss": 'monitor_mode = "max"',  # the first evaluation
}
EPOCHS = 12
# So many operations come with a handful of checkpoints; a worker that has fewer left ends by itself.
OPERATIONS = 90


def evaluations(run: Run) -> dict[int, dict[str, float]]:
    """The metrics of each evaluation, by step."""
    names = ("loss", "accuracy", "f1")
    return {int(step): dict(zip(names, values, strict=True)) for step, *values in rows(run, "evals", *names)}


def best_of(steps: Iterable[int], expected: Mapping[int, Mapping[str, float]], monitored: Monitored) -> int | None:
    """The first of the best."""
    return min(steps, key=lambda step: (monitored.rank(expected[step][monitored.name]), step), default=None)


def check_best(run: Run, expected: Mapping[int, Mapping[str, float]], monitored: Monitored, witness: Path) -> None:
    """The best of all checkpoints that were ever there is there still, and the only one that is said to be it; so is the newest."""
    there = checkpoint.saved_steps(run.checkpoints)
    ever = {*there, *(said["checkpoint"] for said in witnessed(witness) if "checkpoint" in said)}
    found = RunReader(run).checkpoints()
    assert [each.step for each in found] == there, "a checkpoint and its sidecar came apart"
    assert [(each.val_loss, each.score) for each in found] == [(expected[step]["loss"], expected[step][monitored.name]) for step in there], "a score was lost"
    best = best_of(ever, expected, monitored)
    assert [each.step for each in found if each.best] == [best][: len(ever)], f"the best of {sorted(ever)} is step {best}"
    assert there[-1:] == sorted(ever)[-1:], "the newest checkpoint is gone"


def check_end(run: Run, whole: Run, monitored: Monitored) -> None:
    expected = evaluations(whole)
    assert evaluations(run) == expected
    notes = {path.stem: json.loads(path.read_text()) for path in run.checkpoints.glob("*.json")}
    best = best_of(expected, expected, monitored)
    assert {note["step"]: note["score"] for note in notes.values()} == {step: expected[step][monitored.name] for step in (best, max(expected)) if step is not None}
    assert [note["step"] for note in notes.values() if note["best"]] == [best]
    assert {path.suffix for path in run.checkpoints.iterdir()} == {".pt", ".json"}, "something was left lying about"
    state, other_state = ({key: value for key, value in newest_state(each).items() if key not in TIMES} for each in (run, whole))
    assert differences(other_state, state) == []
    status, other = read_status(run), read_status(whole)
    assert (status.state, status.step, status.loss, status.lr) == ("done", other.step, other.loss, other.lr)
    assert (status.best, status.best_epoch, status.best_val_loss, status.val_loss) == (other.best, other.best_epoch, other.best_val_loss, other.val_loss)


@pytest.mark.timeout(7200)  # as long as --checkpoint-kills may take
@pytest.mark.parametrize("variant", VARIANTS)
def test_wherever_the_writing_of_checkpoints_is_killed_the_best_is_kept(
    tmp_path: Path, start: Start, request: pytest.FixtureRequest, variant: str
) -> None:
    kills, part = -(-int(request.config.getoption("--checkpoint-kills")) // len(VARIANTS)), list(VARIANTS).index(variant)
    chance = random.Random(f"{kills} {variant}")
    config = f"{TURNING}{VARIANTS[variant]}\n"
    whole = make_run(tmp_path, config=config, epochs=EPOCHS)
    assert start(whole).wait() == 0, read_status(whole).error
    expected, status = evaluations(whole), read_status(whole)
    monitored = Monitored(status.monitor, status.monitor_mode)
    assert best_of(expected, expected, monitored) != max(expected)

    done = finished = 0
    while done < kills:
        run, witness = make_run(tmp_path, config=config, epochs=EPOCHS), tmp_path / f"witness.{done}"
        while done < kills:
            # Each operation in turn among the variants, then in an order that is drawn.
            order = done * len(VARIANTS) + part + 1 if done * len(VARIANTS) < OPERATIONS else chance.randrange(1, OPERATIONS)
            worker = start(run, *(["--resume"] if done and any(run.checkpoints.glob("*.pt")) else []), witness=witness, dies_at=order)
            ended = worker.wait() == 0
            worker.close()  # a thousand would be more open files than select takes
            if ended:
                break
            assert worker.wait() == -signal.SIGKILL, run.log.read_text()
            done += 1
            check_best(run, expected, monitored, witness)
        if state_of(run) != "done":
            assert start(run, "--resume").wait() == 0, run.log.read_text()
        check_end(run, whole, monitored)
        finished += 1
    print(f"{variant}: {done} kills at file operations and {finished} runs to their end, no wrong best")
