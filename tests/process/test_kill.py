"""SIGKILL at random instants: nothing that was written is lost, and the run goes on to where it would have come anyway."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.record import EventReader, Run, RunState, read_status, send, wait_for_answer
from tests.process.support import CONFIG, Worker, make_run, state_of, wait_for_step, witnessed
from tests.support import wait_until
from tests.training.runs import TIMES, differences, events, newest_state, rows

Start = Callable[..., Worker]

# Half a second of training with several checkpoints.
EPOCHS = 45
# Each of these tests has its share of the kills, and other instants.
PARTS = 2
# The time until the kill, as a share of what a whole run takes on this machine now: in one of three cases while it starts, else anywhere
# in the training.
WINDOWS = (0.1, 0.65, 0.65)


def outcome(run: Run) -> tuple[dict[str, object], list[tuple[float, ...]], list[tuple[float, ...]]]:
    state = {key: value for key, value in newest_state(run).items() if key not in TIMES}
    return state, rows(run, "steps", "loss", "lr"), rows(run, "evals", "loss", "accuracy")


def assert_nothing_is_lost(run: Run, witness: Path) -> int:
    """Every write that returned is read back; returns how many there were."""
    events = {(event["kind"], event["time"]) for event in EventReader(run).refresh()}
    saved = checkpoint.saved_steps(run.checkpoints)
    lines = list(witnessed(witness))
    for said in lines:
        if "segment" in said:
            with (run.streams / f"{said['segment']}.bin").open("rb") as file:
                file.seek(said["offset"])
                assert zlib.crc32(file.read(said["length"])) == said["crc"], f"{said['segment']} at {said['offset']}"
        elif "event" in said:
            assert (said["event"], said["time"]) in events
        elif "checkpoint" in said:
            assert saved[-1:] >= [said["checkpoint"]], "a checkpoint that was there is gone"
        else:
            # Until it has read its checkpoint, a resume says how far the process before it came.
            assert said["state"] == RunState.STARTING or said["status"] <= read_status(run).step
    return len(lines)


def assert_steps_are_whole(run: Run) -> None:
    """Each once, in order, without a gap."""
    steps = [int(row[0]) for row in rows(run, "steps")]
    assert steps == list(range(1, len(steps) + 1))


def begin(start: Start, run: Run, witness: Path | None = None) -> Worker:
    """Start or resume, as `gradtop resume` would."""
    return start(run, *(["--resume"] if any(run.checkpoints.glob("*.pt")) else []), witness=witness)


def killed_after(seconds: float, start: Start, run: Run, witness: Path) -> bool:
    """Kill a worker of the run and look at what it leaves; False where it had ended before."""
    worker = begin(start, run, witness)
    if worker.ends_within(seconds):
        return False
    worker.kill()
    if worker.wait() == 0:
        return False
    began = any("status" in said for said in witnessed(witness)) or read_status(run).pid == worker.pid
    assert state_of(run) == "died" or not began, "a dead run shows as alive"
    return True


@pytest.mark.timeout(900)  # as long as --kills may take
@pytest.mark.parametrize("part", range(PARTS))
def test_whenever_a_worker_is_killed_nothing_is_lost_and_it_resumes_to_the_same_end(
    tmp_path: Path, start: Start, request: pytest.FixtureRequest, part: int
) -> None:
    kills = -(-int(request.config.getoption("--kills")) // PARTS)
    chance = random.Random(f"{kills} {part}")
    whole, began = make_run(tmp_path, epochs=EPOCHS), time.monotonic()
    assert start(whole).wait() == 0
    takes = time.monotonic() - began
    expected = outcome(whole)

    done = written = finished = 0
    while done < kills:
        run, attempt = make_run(tmp_path, epochs=EPOCHS), 0
        while done < kills and killed_after(takes * chance.uniform(0.0, chance.choice(WINDOWS)), start, run, tmp_path / f"{run.id}.{attempt}"):
            written += assert_nothing_is_lost(run, tmp_path / f"{run.id}.{attempt}")
            assert_steps_are_whole(run)
            done, attempt = done + 1, attempt + 1
        if state_of(run) != "done":
            assert begin(start, run).wait() == 0, run.log.read_text()
        finished += 1
        assert_steps_are_whole(run)
        assert differences(list(expected), list(outcome(run))) == []
        assert not [event for event in EventReader(run).refresh() if "cannot be read" in str(event.get("message", ""))]
    assert written > 3 * kills
    print(f"{done} kills, {finished} runs to their end, {written} writes read back")


def test_a_change_that_no_checkpoint_has_is_made_again_after_a_kill(tmp_path: Path, start: Start) -> None:
    # Steps too small to change a weight: the first evaluation stays the best, and there is one checkpoint.
    run = make_run(tmp_path, "checkpoint_every = 100000", config=CONFIG.replace("lr = 1e-3", "lr = 1e-12"))
    worker = start(run)
    wait_for_step(run, 100)
    wait_until(lambda: events(run, "checkpoint"), 60, "a checkpoint")
    changes: dict[str, object] = {}
    for change in ({"optimizer.lr": 2e-12}, {"schedule.kind": "constant"}, {"training.clip": 0.5}, {"training.clip": 0.25}):
        answer = wait_for_answer(run, send(run, "set", changes=change), 60)
        assert answer is not None
        assert answer["ok"], answer
        changes |= dict(answer["changes"])  # type: ignore[call-overload]
    worker.kill()
    worker.wait()

    for attempt in (1, 2):  # a resume that is killed in turn loses nothing either
        again = start(run, "--resume")
        wait_for_resume(run, attempt)
        assert events(run, "resumed")[-1]["changes"] == changes
        wait_until(lambda: {key: read_status(run).changes.get(key) for key in changes} == changes, 60, "a status with the changes")
        again.kill()
        again.wait()

    again = start(run, "--resume")
    wait_for_resume(run, 3)
    answer = wait_for_answer(run, send(run, "stop"), 60)
    assert answer is not None
    assert answer["ok"]
    assert again.wait() == 0
    assert {key: newest_state(run)["changes"].get(key) for key in changes} == changes
    assert start(run, "--resume").alive
    wait_for_resume(run, 4)
    assert events(run, "resumed")[-1]["changes"] == {}


def wait_for_resume(run: Run, number: int) -> None:
    wait_until(lambda: len(events(run, "resumed")) == number, 60, f"resume {number}")
