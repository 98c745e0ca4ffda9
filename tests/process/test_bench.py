"""A benchmark that is ended before its time leaves nothing behind; a race of settings finds the fastest within its time."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from gradtop.trainer.record import Run, RunReader
from gradtop.trainer.record.streams.registry import LAYERS, LOSS, STEPS
from tests.bench.feed import Feed
from tests.bench.race import Race
from tests.bench.sandbox import sandboxed
from tests.process.support import ROOT, Process, wait_for_run, wait_for_step
from tests.support import wait_until

# The last part of the benchmark of restarts, with changes without end, as `python -m tests.bench restart` would run it.
ENDLESS = """
import sys
from tests.bench import __main__ as bench, restart

def measure():
    with restart.sandboxed() as sandbox:
        yield restart.live_change(sandbox)

restart.CHANGES, restart.measure, sys.argv = sys.maxsize, measure, ["bench", "restart"]
sys.exit(bench.main())
"""


# The same with a process that does nothing, in a session of its own as the workers and servers of the sandbox.
ASLEEP = """
import os, subprocess, sys, time
from tests.bench import __main__ as bench, restart

def measure():
    with restart.sandboxed() as sandbox:
        print(subprocess.Popen(["sleep", "600"], env=os.environ | sandbox.env, start_new_session=True).pid, flush=True)
        while True:  # a signal that comes just before signal.pause() would wait with it
            time.sleep(0.05)
        yield

restart.measure, sys.argv = measure, ["bench", "restart"]
sys.exit(bench.main())
"""


def test_the_run_that_the_benchmarks_of_a_screen_feed_has_its_history_and_goes_on() -> None:
    with sandboxed() as sandbox:
        feed = Feed(sandbox, steps=300)
        feed.take_step()
        feed.close()
        reader = RunReader(feed.run)
        reader.refresh()
        steps, layers = reader.stream(STEPS), reader.stream(LAYERS)
        for stream in (steps, layers):
            stream.refresh()
        rows = list(steps.rows())
        assert [row[0] for row in rows][-201:] == list(range(101, 302))
        assert math.isfinite(rows[-1][2 + [column.name for column in steps.columns].index(LOSS)])
        assert [row[0] for row in layers.rows()][-1] == 301


def test_a_benchmark_that_is_ended_ends_the_runs_that_it_started(tmp_path: Path, adopt: Callable[[Run], Process]) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", ENDLESS], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as bench:
        try:
            (runs,) = wait_until(lambda: list(tmp_path.glob("gradtop-bench-*/runs")), 60, "the runs of the benchmark")
            run = wait_for_run(runs)
            worker = adopt(run)
            wait_for_step(run, 1)
            bench.terminate()
            _, said = bench.communicate(timeout=60)
        finally:
            bench.kill()

    assert (bench.returncode, said) == (128 + signal.SIGTERM, "")
    assert not worker.alive
    assert not runs.parent.exists()


def test_a_process_that_begins_while_a_benchmark_ends_is_ended_too() -> None:
    with contextlib.ExitStack() as ended:
        with sandboxed() as sandbox:
            # Without an environment at first, as a process is for a moment after its start.
            late = ended.enter_context(subprocess.Popen(["/bin/sh", "-c", f"sleep 0.3; exec env GRADTOP_RUNS={sandbox.runs} sleep 600"], env={}))
            ended.callback(late.kill)
        assert late.wait(10) in {0, -signal.SIGKILL}  # 0 where psutil has waited for it; raises where it goes on


def test_what_a_process_started_that_ended_while_it_was_looked_for_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a torch server is, the child of a process that ends at once: begun after the processes were listed, and its parent gone before it was looked at."""
    real, gone = psutil.pids, {0}
    with contextlib.ExitStack() as ended:
        with sandboxed() as sandbox:
            late = ended.enter_context(subprocess.Popen(["sleep", "600"], env=os.environ | sandbox.env, start_new_session=True))
            ended.callback(late.kill)
            # Which the system shows a little after the start: that is another test's.
            wait_until(lambda: bool(psutil.Process(late.pid).environ()), why="its environment")

            def listed() -> list[int]:
                found = set(real()) - ({late.pid} if gone else set())
                return sorted(found | {gone.pop()} if gone else found)

            monkeypatch.setattr(psutil, "pids", listed)
            monkeypatch.setattr("tests.bench.sandbox._begins", lambda: False)
        assert late.wait(10) in {0, -signal.SIGKILL}


def test_a_second_signal_does_not_keep_it_from_ending_what_it_started(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", ASLEEP], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        try:
            assert bench.stdout is not None
            asleep = Process(int(bench.stdout.readline()))
            while bench.poll() is None:
                bench.send_signal(signal.SIGTERM)
            _, said = bench.communicate(timeout=60)
        finally:
            bench.kill()

    assert (bench.returncode, said) == (128 + signal.SIGTERM, "")
    assert asleep.ends_within(10)
    assert list(tmp_path.iterdir()) == []
    asleep.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_whatever_signal_ends_it_it_ends_what_it_started(tmp_path: Path, number: signal.Signals) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", ASLEEP], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        try:
            assert bench.stdout is not None
            asleep = Process(int(bench.stdout.readline()))
            bench.send_signal(number)
            _, said = bench.communicate(timeout=60)
        finally:
            bench.kill()

    assert (bench.returncode, said) == (128 + number, "")
    assert asleep.ends_within(10)
    assert list(tmp_path.iterdir()) == []
    asleep.close()


@dataclass
class Track:
    """Entrants whose turns take what `paces` says of them, on a clock that runs with them; `failing` fail in their second turn."""

    paces: Mapping[str, Sequence[float]]
    failing: frozenset[str] = frozenset()
    now: float = 0.0
    turns: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def race(self, *kept: str, seconds: float = math.inf, fewest: int = 1) -> Race[str]:
        return Race(tuple(self.paces), kept, lambda name: Runner(self, name), seconds, clock=lambda: self.now, fewest=fewest)


@dataclass
class Runner:
    track: Track
    name: str

    def turn(self) -> float:
        track = self.track
        turn = track.turns.count(self.name)
        if turn and self.name in track.failing:
            raise RuntimeError
        track.turns.append(self.name)
        paces = track.paces[self.name]
        taken = paces[turn % len(paces)]
        track.now += taken
        return taken

    def close(self) -> None:
        self.track.closed.append(self.name)


def test_the_fastest_wins_a_race_and_what_is_clearly_slower_drops_out() -> None:
    # One turn of the fastest was disturbed: by the median it is the fastest still.
    track = Track({"kept": [3.0], "slow": [2.0], "slower": [1.2], "near": [1.05], "fastest": [1.0, 1.0, 4.0]})
    race = track.race("kept")

    assert race.run() == "fastest"
    assert {name: len(turns) for name, turns in race.taken.items()} == {"kept": 9, "slow": 1, "slower": 2, "near": 9, "fastest": 9}
    assert race.pace("near", "fastest") == pytest.approx(1 / 1.05)
    assert set(track.closed) == set(track.paces)


def test_a_race_that_runs_out_of_time_begins_no_more_and_times_what_has_begun_three_times() -> None:
    track = Track({"a": [1.0], "b": [1.05], "kept": [9.0], "late": [0.1]})
    race = track.race("kept", seconds=10.5)

    assert race.run() == "a"
    assert {name: len(turns) for name, turns in race.taken.items()} == {"kept": 3, "a": 3, "b": 3}


def test_a_race_begins_a_few_however_slowly_they_begin() -> None:
    track = Track({"kept": [50.0], "a": [49.0], "b": [10.0], "late": [0.1]})
    race = track.race("kept", seconds=10.0, fewest=3)

    assert race.run() == "b"
    assert set(race.taken) == {"kept", "a", "b"}


def test_what_fails_in_a_race_is_out_of_it_unless_it_is_kept() -> None:
    paces = {"a": [1.0], "b": [0.9]}
    assert Track(paces, failing=frozenset({"b"})).race("a").run() == "a"
    track = Track(paces, failing=frozenset({"a"}))
    with pytest.raises(RuntimeError):
        track.race("a").run()
    assert set(track.closed) == {"a", "b"}
