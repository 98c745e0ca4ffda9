"""Queued runs, with real waiting processes that become what stands for a worker."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from gradtop.trainer import launch
from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import (
    Run,
    RunState,
    Status,
    process_start,
    queued_runs,
    read_status,
    send,
    this_host,
    trash_run,
    write_status,
)
from gradtop.trainer.record.errors import RunBusy
from gradtop.trainer.record.queue import same_device
from tests.support import wait_until

# Becomes the trainer where the module is `trainer`, in Python without PyTorch: it notes that it began, and ends at once.
WORKER = """#!/bin/sh
case "$*" in
  *gradtop.trainer.launch.queue*)
    shift 3
    exec {python} -P -c "import sys; sys.executable = sys.argv.pop(1); from gradtop.trainer.launch.queue import main; sys.exit(main())" "$0" "$@" ;;
esac
shift 3
exec {python} -P - "$@" <<'END'
import sys, time
from pathlib import Path
from gradtop.trainer.record import Run, RunState, read_status, write_status
run = Run(sys.argv[1])
(run.path / "told.txt").write_text(" ".join(sys.argv[2:]))
with (run.path.parent / "order.txt").open("a") as file:
    file.write(run.id.split("-")[-1] + "\\n")
write_status(run, read_status(run)._replace(state=RunState.DONE, queued=0.0))
END
"""


queue_worker = partial(launch.queue_worker, server=False)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where runs wait; whatever still waits at the end is ended."""
    interpreter = tmp_path / "python"
    interpreter.write_text(WORKER.format(python=sys.executable))
    interpreter.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / ".src"))
    monkeypatch.setattr(sys, "executable", str(interpreter))
    folder = tmp_path / "runs"
    yield folder
    for place in queued_runs(folder):
        with contextlib.suppress(OSError):
            os.kill(read_status(place.run).pid, signal.SIGKILL)


def make(runs: Path, name: str, device: str = "cpu") -> Run:
    return create_run(runs, parse_config(f'[training]\ndevice = "{device}"\n'), name=name)


def living(run: Run, state: str = "training", device: str = "cpu") -> None:
    """Have the run trained by this process, as far as anybody can see."""
    host, boot = this_host()
    now = time.time()
    write_status(
        run, Status(state=RunState(state), pid=os.getpid(), pid_started=process_start(os.getpid()), host=host, boot=boot, updated=now, device=device)
    )


def order(runs: Path) -> list[str]:
    path = runs / "order.txt"
    return path.read_text().split() if path.exists() else []


def in_line(runs: Path) -> list[str]:
    return [place.run.id.split("-")[-1] for place in queued_runs(runs)]


def test_runs_wait_in_the_order_in_which_they_came_and_train_one_after_the_other(runs: Path) -> None:
    first = make(runs, "first")
    living(first)
    for name in ("a", "b", "c"):
        queue_worker(make(runs, name))
    assert in_line(runs) == ["a", "b", "c"]
    assert order(runs) == []
    living(first, "done")
    wait_until(lambda: len(order(runs)) == 3, why="all three to have trained")
    assert order(runs) == ["a", "b", "c"]
    assert in_line(runs) == []


@pytest.mark.parametrize("ending", ["failed", "stopped", "died", "deleted"])
def test_whatever_becomes_of_the_run_before_the_next_has_its_turn(runs: Path, ending: str) -> None:
    first = make(runs, "first")
    living(first)
    queue_worker(make(runs, "next"))
    if ending == "died":
        write_status(first, Status(state=RunState.TRAINING, pid=1 << 22, host=this_host()[0], boot=this_host()[1], updated=time.time()))
    elif ending == "deleted":
        first.path.rename(runs.parent / "elsewhere")
    else:
        living(first, ending)
    assert wait_until(lambda: order(runs), why="the next to train") == ["next"]


def test_another_device_is_not_waited_for_and_auto_waits_for_any(runs: Path) -> None:
    living(make(runs, "first"), device="cuda:0")
    queue_worker(make(runs, "other", "cpu"))
    assert wait_until(lambda: order(runs)) == ["other"]
    queue_worker(make(runs, "any", "auto"))
    assert in_line(runs) == ["any"]
    assert [same_device(*pair) for pair in (("cpu", "cpu"), ("cuda:0", "cuda:1"), ("auto", "cuda:1"))] == [True, False, True]


@pytest.mark.parametrize("way", ["stop", "kill", "signal"])
def test_a_run_can_be_taken_out_of_the_line(runs: Path, way: str) -> None:
    living(make(runs, "first"))
    run = make(runs, "leaver")
    queue_worker(run)
    with pytest.raises(RunBusy, match="is queued: stop it first"):
        trash_run(run)
    if way == "signal":
        os.kill(read_status(run).pid, signal.SIGTERM)
    else:
        send(run, way)
    wait_until(lambda: read_status(run).state == "stopped")
    assert in_line(runs) == []
    assert "removed from the queue" in run.log.read_text()
    assert read_status(run).error == ("removed from the queue by SIGTERM" if way == "signal" else "")


def test_five_that_would_have_one_run_wait_start_it_once(runs: Path) -> None:
    first, run = make(runs, "first"), make(runs, "wanted")
    living(first)

    def try_it(_: int) -> bool:
        try:
            queue_worker(run)
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(5) as five:
        assert sum(five.map(try_it, range(5))) == 1
    assert read_status(run).state == "queued"
    living(first, "done")
    wait_until(lambda: read_status(run).state == "done")
    assert order(runs) == ["wanted"]


def test_five_that_come_at_once_train_one_at_a_time(runs: Path) -> None:
    first = make(runs, "first")
    living(first)
    five = [make(runs, name) for name in "abcde"]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(queue_worker, five))
    came = in_line(runs)
    assert sorted(came) == list("abcde")
    living(first, "done")
    wait_until(lambda: len(order(runs)) == 5, timeout=60)
    assert order(runs) == came


# Imported by every Python that is started with its folder in PYTHONPATH.
NO_LOCKS = """
import errno, fcntl, os
def flock(descriptor, operation):
    open(os.path.join(os.path.dirname(__file__), "asked"), "w").close()
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
"""


def test_where_the_file_system_has_no_locks_the_order_of_the_line_does(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "no_locks"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_LOCKS)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ['PYTHONPATH']}")
    first = make(runs, "first")
    living(first)
    for name in "abc":
        queue_worker(make(runs, name))
    again = next(place.run for place in queued_runs(runs) if place.place == 2)
    with pytest.raises(OSError, match="is already queued"):
        queue_worker(again)
    assert in_line(runs) == ["a", "b", "c"]
    living(first, "done")
    wait_until(lambda: len(order(runs)) == 3, why="all three to have trained")
    assert order(runs) == ["a", "b", "c"]
    assert (folder / "asked").exists()


def test_a_run_that_is_resumed_waits_with_all_that_is_known_of_it_and_goes_on_as_a_resume(runs: Path) -> None:
    first, stopped = make(runs, "first"), make(runs, "stopped")
    living(first)
    (stopped.checkpoints / "step-000032.pt").write_bytes(b"weights")
    write_status(stopped, Status(state=RunState.STOPPED, step=32, steps=64, best_val_loss=0.5, changes={"optimizer.lr": 2e-3}, ended=5.0))
    with pytest.raises(OSError, match="has been trained before"):
        queue_worker(stopped)
    queue_worker(stopped, resume=True)
    status = read_status(stopped)
    assert (status.state, status.step, status.best_val_loss, status.changes) == ("queued", 32, 0.5, {"optimizer.lr": 2e-3})
    living(first, "done")
    wait_until(lambda: read_status(stopped).state == "done")
    assert (stopped.path / "told.txt").read_text() == "--resume"


def test_what_waits_is_small(runs: Path) -> None:
    living(make(runs, "first"))
    run = make(runs, "small")
    queue_worker(run)
    status = Path(f"/proc/{read_status(run).pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 20_000, f"{resident} kB"


# The signal comes as soon as whoever started it goes on.
AT_ONCE = """
import os, signal, sys
from gradtop.trainer.launch import queue
queue.detach = lambda watch: lambda: os.kill(os.getpid(), signal.SIGTERM)
sys.exit(queue.main())
"""


@pytest.mark.parametrize("words", [["--now", "--no-server"], []])
def test_a_start_that_is_ended_as_it_begins_leaves_a_stopped_run(tmp_path: Path, words: list[str]) -> None:
    run = create_run(tmp_path / "runs", parse_config('[data]\nkind = "fake"\n'))
    ended = subprocess.run([sys.executable, "-c", AT_ONCE, str(run.path), "--detach", *words], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    assert read_status(run).state == RunState.STOPPED
