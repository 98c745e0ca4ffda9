"""What a run's state is follows from its process, its host and its heartbeat, not from what it once said."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.record import (
    Run,
    RunBusy,
    RunReader,
    RunState,
    Status,
    derive_state,
    is_alive,
    process_start,
    read_status,
    this_host,
    trash_run,
    write_status,
)
from gradtop.trainer.record import status as status_module
from gradtop.trainer.record.status import may_be_active, parse_status
from tests.record.support import make_run
from tests.support import wait_until

NOW = 1_795_000_000.0


def status_of(pid: int, **fields: object) -> Status:
    host, boot = this_host()
    status = Status(state=RunState.TRAINING, pid=pid, pid_started=process_start(pid), host=host, boot=boot, updated=NOW)
    return status._replace(**fields)  # type: ignore[arg-type]


def elsewhere(**fields: object) -> Status:
    return status_of(os.getpid(), host="another-host", boot="another-boot", **fields)


class Clocks:
    """Wall clock and monotonic clock, which move together unless one is set."""

    def __init__(self) -> None:
        self.wall, self.steady = NOW, 50.0

    def reader(self, run: Run) -> RunReader:
        return RunReader(run, clock=lambda: self.wall, monotonic=lambda: self.steady)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


WRITTEN: dict[str, st.SearchStrategy[Any]] = {"loss": st.none() | st.floats(), "lr": st.none() | st.floats(), "error": st.text(), "step": st.integers(0, 2**53), "warning": st.text()}


@given(st.fixed_dictionaries(WRITTEN).map(lambda fields: Status(**fields)))
def test_a_status_comes_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, status: Status) -> None:
    run = make_run(tmp_path_factory.mktemp("status"))
    write_status(run, status)
    assert repr(read_status(run)) == repr(status)
    json.loads(run.status.read_bytes(), parse_constant=pytest.fail)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("state", "pid", "updated", "step", "loss", "error", "host", "unknown"), JSON)))
def test_a_status_of_any_content_is_a_status(found: dict[str, Any]) -> None:
    status = parse_status(found)
    assert isinstance(status.state, RunState)
    assert isinstance(status.pid, int)
    assert math.isfinite(status.updated)
    assert status.loss is None or isinstance(status.loss, float)
    assert derive_state(status, now=NOW)


@pytest.mark.parametrize("state", ["created", "done", "stopped", "failed"])
def test_a_run_that_does_not_claim_to_live_is_what_it_says(state: str) -> None:
    assert derive_state(status_of(2**22 - 3, state=RunState(state)), now=NOW + 1e6) == state


@pytest.mark.parametrize("state", ["starting", "training", "paused"])
def test_a_live_process_with_a_fresh_heartbeat_is_what_it_says(state: str) -> None:
    assert derive_state(status_of(os.getpid(), state=RunState(state)), now=NOW + 2) == state


def test_a_state_of_another_version_is_unknown() -> None:
    status = parse_status({"state": "evaluating", "step": 3})
    assert status == Status(state=RunState.UNKNOWN, step=3)
    assert not status.state.is_alive


def test_a_live_process_without_a_heartbeat_is_silent() -> None:
    assert derive_state(status_of(os.getpid()), now=NOW + 16) == "silent"


def test_no_process_another_one_of_that_number_and_an_earlier_boot_are_dead() -> None:
    assert is_alive(status_of(os.getpid()))
    for dead in (status_of(2**22 - 3), status_of(0), status_of(-1), status_of(os.getpid(), pid_started=1.0), status_of(os.getpid(), boot="earlier")):
        assert is_alive(dead) is False
        assert derive_state(dead, now=NOW) == "died"


def test_a_process_of_another_container_with_this_hosts_name_is_judged_by_its_heartbeat() -> None:
    start, _, namespace = this_host()[1].partition("/")
    assert start
    assert namespace
    inside = status_of(2**22 - 3, boot=f"{start}/{int(namespace) + 1}")
    assert is_alive(inside) is None
    assert derive_state(inside, now=NOW + 5) == "training"
    assert derive_state(inside, now=NOW + 61) == "died"


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        status = status_of(process.pid)
        assert is_alive(status)
        process.kill()
        wait_until(lambda: is_alive(status) is False, 60, "the process to end")
        assert Path(f"/proc/{process.pid}/stat").exists(), "it was not a zombie that was looked at"


def test_on_another_host_the_heartbeat_is_all_there_is() -> None:
    assert is_alive(elsewhere()) is None
    assert derive_state(elsewhere(), now=NOW + 59) == "training"
    assert derive_state(elsewhere(), now=NOW + 61) == "died"
    assert derive_state(elsewhere(), now=NOW + 7200, heartbeat_seen=NOW + 7199) == "training"
    assert derive_state(elsewhere(updated=NOW + 7200), now=NOW + 61, heartbeat_seen=NOW) == "died"


def test_a_host_whose_clock_is_behind_lives_while_its_heartbeat_moves(tmp_path: Path) -> None:
    run, clocks = make_run(tmp_path), Clocks()
    reader = clocks.reader(run)
    write_status(run, elsewhere(updated=NOW - 3600))
    reader.refresh()
    assert reader.state == "died"  # as far as its clock tells
    for beat in range(3):
        clocks.pass_by(1)
        write_status(run, elsewhere(updated=NOW - 3599 + beat))
        reader.refresh()
        assert reader.state == "training"
    clocks.pass_by(61)
    reader.refresh()
    assert reader.state == "died"


def test_a_host_whose_clock_is_ahead_dies_when_its_heartbeat_stands_still(tmp_path: Path) -> None:
    run, clocks = make_run(tmp_path), Clocks()
    reader = clocks.reader(run)
    write_status(run, elsewhere(updated=NOW + 3600))
    reader.refresh()
    assert reader.state == "training"
    clocks.pass_by(59)
    reader.refresh()
    assert reader.state == "training"
    clocks.pass_by(2)
    assert reader.refresh()
    assert reader.state == "died"


@pytest.mark.parametrize("apart", [-3600.0, 3600.0, 3 * 86400.0])  # in the future there is no limit: no past heartbeat of ours lies there
def test_who_looks_once_looks_twice_where_the_clock_of_another_host_may_be_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: float) -> None:
    run = make_run(tmp_path)
    beat = time.time() + apart
    write_status(run, elsewhere(updated=beat))
    dead = RunReader(run)
    dead.refresh()
    monkeypatch.setattr(status_module, "BEATS_WITHIN", {False: 0.0})
    dead.look_twice()
    assert dead.state == "died"

    monkeypatch.setattr(status_module, "BEATS_WITHIN", {False: 30.0})
    # The host writes its next heartbeat while it is waited for.
    beats = itertools.count(beat)
    monkeypatch.setattr(time, "sleep", lambda _: write_status(run, elsewhere(updated=next(beats) + 0.5)))
    reader = RunReader(run)
    reader.refresh()
    reader.look_twice()
    assert reader.state == "training"
    assert reader.clock_difference == pytest.approx(apart, abs=60)
    with pytest.raises(RunBusy):
        trash_run(run)


@pytest.mark.parametrize("leap", [-1e6, 1e6])
def test_a_clock_that_leaps_kills_no_run_that_was_seen_to_live(tmp_path: Path, leap: float) -> None:
    run, clocks = make_run(tmp_path), Clocks()
    reader = clocks.reader(run)
    write_status(run, status_of(os.getpid()))
    reader.refresh()
    clocks.pass_by(1)
    write_status(run, status_of(os.getpid(), updated=NOW + 1))
    reader.refresh()
    clocks.wall += leap
    reader.refresh()
    assert reader.state == "training"
    clocks.pass_by(16)
    reader.refresh()
    assert reader.state == "silent"


def test_a_worker_that_ends_between_two_looks_is_not_shown_as_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        write_status(run, status_of(process.pid))
        reader = RunReader(run)
        exists = os.path.exists

        def and_ends(path: str) -> bool:
            # At the moment at which the reader, which has read "training", looks for the process.
            write_status(run, status_of(process.pid, state=RunState.DONE))
            process.kill()
            process.wait()
            return exists(path)

        monkeypatch.setattr(os.path, "exists", and_ends)
        reader.refresh()
    assert reader.state == "done"


def test_a_status_that_is_replaced_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    run, clocks = make_run(tmp_path), Clocks()
    reader = clocks.reader(run)
    write_status(run, Status(state=RunState.TRAINING, step=1))
    reader.refresh()
    before = run.status.stat()
    data = run.status.read_bytes().replace(b'"step": 1', b'"step": 2')
    run.status.write_bytes(data)
    os.utime(run.status, ns=(before.st_atime_ns, before.st_mtime_ns))
    reader.refresh()
    assert reader.status.step == 2


@pytest.mark.parametrize("state", RunState)
def test_a_look_at_the_bytes_of_a_status_misses_no_run_that_may_be_active(tmp_path: Path, state: RunState) -> None:
    run = make_run(tmp_path)
    write_status(run, Status(state=state, error='it said "state": "training"', result={"state": "training"}))
    assert may_be_active(run) is state.is_active
    run.status.write_text('{"state"\n:\t"training"}')
    assert may_be_active(run)
    run.status.unlink()
    assert not may_be_active(run)


def test_a_status_that_says_nothing_is_that_of_no_run(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.status.write_text('{"step": "x", "loss": [], "changes": 3, "state": 7, "error": null, "threads": -1}')
    assert read_status(run) == Status()
