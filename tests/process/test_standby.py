"""The warm worker, for real: what it costs, when it ends, and that a run does not notice where it came from."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradtop.trainer.launch import Standby, start_worker
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.standby import rehearse
from tests.process.support import FOREVER, Process, Worker, make_run, stat_of, wait_for_state, wait_for_step
from tests.support import wait_until
from tests.training.runs import differences, newest_state, rows

Adopt = Callable[[Run], Process]

# What a screen does, without the screen: `give` has the run trained, anything else only keeps the standby.
SCREEN = """
import os, sys
from gradtop.trainer.launch import Standby, start_worker
from gradtop.trainer.record import Run
standby = Standby()
standby.start()
while not standby.ready:
    os.sched_yield()
print(standby.pid, flush=True)
if len(sys.argv) > 1:
    sys.stdin.readline()
    start_worker(Run(sys.argv[1]), standby=standby)
    print("given", flush=True)
sys.stdin.read()
"""

CNN = """
[model]
kind = "cnn"
channels = [4, 8]
dropout = 0.2

[data]
kind = "fake"
samples = 100
classes = 3
image_size = 6
channels = 1

[training]
epochs = {epochs}
batch_size = 16
clip = 0.5
device = "cpu"
seed = 7
"""


@pytest.fixture
def warm() -> Iterator[Standby]:
    """A standby that is ready."""
    standby = Standby()
    standby.start()
    wait_until(lambda: standby.ready, 90, "readiness")
    yield standby
    standby.close()


@pytest.fixture
def screen() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-c", SCREEN, *arguments]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def switches(pid: int) -> dict[str, str]:
    """How often each thread was given the processor."""
    return {
        task.name: next(line for line in (task / "status").read_text().splitlines() if line.startswith("voluntary"))
        for task in Path(f"/proc/{pid}/task").iterdir()
    }


def files_of(pid: int) -> dict[int, str]:
    """What each descriptor is open on; one that is closed meanwhile is left out."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(link.name)] = str(link.readlink())
    return found


def test_a_run_from_a_standby_equals_one_from_a_cold_start_bit_for_bit(
    tmp_path: Path, warm: Standby, start: Callable[..., Worker], adopt: Adopt
) -> None:
    waiting = Process(warm.pid)
    before = switches(waiting.pid)
    assert not waiting.ends_within(0.6)
    assert switches(waiting.pid) == before, "a standby that waits wakes up"
    cold, run = (make_run(tmp_path, config=CNN, epochs=6) for _ in range(2))

    start_worker(run, standby=warm)
    worker = adopt(run)
    assert worker.pid == waiting.pid
    wait_for_state(run, "done")
    assert start(cold).wait() == 0

    one, other = ({key: value for key, value in newest_state(each).items() if key != "seconds"} for each in (cold, run))
    assert differences(one, other) == []
    assert rows(cold, "steps", "loss", "lr") == rows(run, "steps", "loss", "lr")
    assert rows(cold, "evals", "loss", "accuracy") == rows(run, "evals", "loss", "accuracy")
    waiting.close()


def test_a_standby_ends_with_its_screen_and_a_run_that_it_was_given_does_not(
    tmp_path: Path, screen: Callable[..., subprocess.Popen[str]], adopt: Adopt
) -> None:
    run = make_run(tmp_path, epochs=FOREVER)
    alone, giving = screen(), screen(str(run.path))
    unused, used = Process(int(line_of(alone))), Process(int(line_of(giving)))
    assert giving.stdin is not None
    giving.stdin.write("\n")
    giving.stdin.flush()
    assert line_of(giving) == "given"
    step = wait_for_step(run, 20).step
    _, parent, _, session, terminal = stat_of(used.pid)[:5]
    assert parent != str(giving.pid)
    assert int(session) not in {os.getsid(giving.pid), os.getsid(0)}
    assert terminal == "0"
    files = files_of(used.pid)
    assert (files[0], files[1], files[2]) == ("/dev/null", str(run.log), str(run.log))
    assert not {file for file in files.values() if file.startswith("pipe:")} & set(files_of(giving.pid).values())
    assert stat.S_IMODE(run.log.stat().st_mode) == 0o600

    alone.kill()
    giving.kill()

    assert unused.ends_within(10), "the standby outlives its screen"
    wait_for_step(run, step + 50)
    assert adopt(run).pid == used.pid
    assert used.alive
    for process in (unused, used):
        process.close()


def test_a_rehearsal_trains_to_the_end_and_leaves_nothing_running(tmp_path: Path) -> None:
    import torch

    before = threading.enumerate()

    assert rehearse(tmp_path) == 0

    assert threading.enumerate() == before
    assert not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
