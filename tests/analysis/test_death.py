"""How a worker died, in words, and in what place each reader says it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from gradtop.trainer.analysis.death import death_text, how_it_died
from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.record import Run, RunState, read_status, write_status
from gradtop.trainer.record.death import DEATH, Death, write_death
from gradtop.trainer.runtime.memory import oom_kills
from gradtop.tui.reading.facts import WatchedRun
from tests.tui.runs_fixture import fake_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return fake_run(tmp_path / "runs", state="died", steps=5, log="epoch 1\n")[0]


def told(run: Run, state: RunState = RunState.DIED) -> str:
    return how_it_died(run, state, read_status(run))


def killed(run: Run, number: int = signal.SIGKILL) -> None:
    status = read_status(run)
    write_death(run, Death(status.pid, status.pid_started, number))


@pytest.mark.parametrize(
    ("death", "text"),
    [
        (Death(1, 2.0, signal.SIGKILL), "killed by SIGKILL"),
        (Death(1, 2.0, signal.SIGKILL, memory=True), "killed by SIGKILL; out of memory?"),
        (Death(1, 2.0, signal.SIGSEGV), "crashed with SIGSEGV"),
        (Death(1, 2.0, signal.SIGBUS), "crashed with SIGBUS; /dev/shm full?"),
        (Death(1, 2.0, 44), "killed by signal 44"),
        (Death(1, 2.0, code=3), "exited with code 3 without saying why"),
    ],
)
def test_a_death_is_said_by_its_signal_or_exit_code(death: Death, text: str) -> None:
    assert death_text(death) == text


def test_only_the_death_of_the_process_that_wrote_the_status_is_told(run: Run) -> None:
    assert told(run) == ""
    killed(run)
    assert told(run) == "killed by SIGKILL"
    assert told(run, RunState.DONE) == ""
    status = read_status(run)
    write_status(run, status._replace(pid_started=status.pid_started + 1))
    assert told(run) == ""


@pytest.mark.parametrize("nonsense", ["", "[]", '{"pid": "x", "signal": 1e300, "code": []}', '{"pid": -1, "pid_started": null}'])
def test_nonsense_is_no_death(run: Run, nonsense: str) -> None:
    (run.path / DEATH).write_text(nonsense)
    assert told(run) == ""


def test_a_host_that_was_restarted_is_named(run: Run) -> None:
    write_status(run, read_status(run)._replace(boot="another/1"))
    assert told(run) == "its host was restarted"


def test_readers_that_saw_the_run_die_say_how_as_soon_as_it_is_known(run: Run) -> None:
    watch, index = WatchedRun(run), RunIndex(run.path.parent)
    index.refresh()
    assert (watch.read().death, index.rows(RunsView())[0].words) == ("", "epoch 1")
    killed(run)
    assert index.refresh()
    assert (watch.read().death, index.rows(RunsView())[0].words) == ("killed by SIGKILL", "killed by SIGKILL")


def test_a_link_in_the_place_of_a_death_is_replaced_itself(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.write_text("{}")
    (run.path / DEATH).symlink_to(target)
    killed(run)
    assert target.read_text() == "{}"
    assert json.loads((run.path / DEATH).read_text())["signal"] == signal.SIGKILL


@pytest.mark.parametrize(
    ("group", "place", "words", "count"),
    [
        ("0::/user.slice/x.scope\n", "sys/fs/cgroup/user.slice/x.scope/memory.events", "low 0\noom 3\noom_kill 2\n", 2),
        ("4:memory:/a\n0::/\n", "sys/fs/cgroup/memory/a/memory.oom_control", "under_oom 0\noom_kill 5\n", 5),
        ("4:cpu,memory:/docker/id\n", "sys/fs/cgroup/memory/memory.oom_control", "oom_kill 1\n", 1),
        ("0::/\n", "proc/vmstat", "nr_free_pages 10\noom_kill 7\n", 7),
        ("0::/\n", "proc/vmstat", "nr_free_pages 10\n", None),
        ("", "proc/other", "", None),
    ],
)
def test_the_kernels_count_of_kills_is_found(tmp_path: Path, group: str, place: str, words: str, count: int | None) -> None:
    for name, text in (("proc/self/cgroup", group), (place, words)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert oom_kills(tmp_path) == count
