"""A sweep of pruning, each measurement in a fork of the torch server: one that kills its process, a kill and a stop, and what a resume makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.jobs.prune.result import read_prune_trials
from gradtop.trainer.record import Run, RunReader, RunState, read_status, send
from tests.process.server.sweep import Adopt, begin_sweep, finish_sweep
from tests.process.support import state_of, wait_for_state
from tests.support import wait_until

SWEEP = ("prune.methods=layer_l1", "prune.amounts=0.3,0.6,0.9", "prune.write=0.6")


@pytest.fixture
def sweep(running_server: int, project: Path, adopt: Adopt) -> Run:
    """A sweep that has begun; a model most of whose weights are zero kills its process."""
    return begin_sweep(project, adopt, "prune", SWEEP, fatal="(self.first.weight == 0).float().mean() > 0.85")


def finished(run: Run, before: int, adopt: Adopt) -> None:
    """Resumed, it measures what is left alone, and ends with the checkpoint written."""
    kept = read_prune_trials(RunReader(run))
    assert len(kept) >= before
    finish_sweep(run, adopt)
    trials = read_prune_trials(RunReader(run))
    assert [(each.method, each.amount) for each in trials] == [("", 0.0), ("layer_l1", 0.3), ("layer_l1", 0.6), ("layer_l1", 0.9)]
    assert repr(trials[: len(kept)]) == repr(kept)  # figures that are not known are not equal
    assert "killed by SIGKILL" in trials[-1].error
    assert [each.note for each in RunReader(run).checkpoints()] == ["pruned: layer_l1 60 %"]
    assert not list(run.checkpoints.glob(".*"))


def test_after_a_kill_it_goes_on_where_it_was_and_what_kills_its_process_is_a_result(sweep: Run, adopt: Adopt) -> None:
    worker = adopt(sweep)
    wait_until(lambda: read_status(sweep).step >= 2, 60, "two measurements")
    worker.kill()
    wait_for_state(sweep, RunState.DIED, RunState.DONE)
    if state_of(sweep) is RunState.DIED:
        finished(sweep, 1, adopt)


def test_stopped_it_keeps_what_it_has_measured(sweep: Run, adopt: Adopt) -> None:
    adopt(sweep)
    wait_until(lambda: read_status(sweep).step >= 1, 60, "a measurement")
    send(sweep, "stop")
    wait_for_state(sweep, RunState.STOPPED, RunState.DONE, timeout=100)
    if state_of(sweep) is RunState.STOPPED:
        finished(sweep, 1, adopt)
