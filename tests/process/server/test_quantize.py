"""A quantization run, each method in a fork of the torch server: one that kills its process, a kill and a stop, and what a resume makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.jobs.quantize.result import ENDED, MEASURED, read_quantize_trials
from gradtop.trainer.record import EventReader, Run, RunReader, RunState, read_status, send
from tests.process.server.sweep import Adopt, begin_sweep, finish_sweep
from tests.process.support import state_of, wait_for_state
from tests.support import wait_until

METHODS = ("", "dynamic_int8_torch", "weight_int8", "weight_int4")
SWEEP = (f"quantize.methods={','.join(METHODS[1:])}", "quantize.batch_sizes=1", "quantize.compiled=false", "quantize.write=weight_int8")


@pytest.fixture
def quantizing(running_server: int, project: Path, adopt: Adopt) -> Run:
    """A quantization run that has begun; the module of torch.ao in the place of a layer kills its process."""
    return begin_sweep(project, adopt, "quantize", SWEEP, fatal="type(self.first) is not torch.nn.Linear")


def finished(run: Run, before: int, adopt: Adopt) -> None:
    """Resumed, unless it was quicker, it measures what is left alone, and ends with the checkpoint written."""
    kept = read_quantize_trials(RunReader(run))
    assert len(kept) >= before
    if state_of(run) != RunState.DONE:
        finish_sweep(run, adopt)
    trials = read_quantize_trials(RunReader(run))
    assert [each["trial"]["method"] for each in EventReader(run).refresh() if each.get("kind") == MEASURED] == list(METHODS)
    assert repr(trials[: len(kept)]) == repr(kept)  # figures that are not known are not equal
    assert ["killed by SIGKILL" in each.error for each in trials] == [False, True, False, False]
    assert [each.error for each in trials if each.method.startswith("weight")] == ["", ""]
    assert [each.note for each in RunReader(run).checkpoints()] == ["quantized: weight_int8"]
    assert not list(run.checkpoints.glob(".*"))


def test_after_a_kill_it_goes_on_where_it_was_and_what_kills_its_process_is_a_row(quantizing: Run, adopt: Adopt) -> None:
    worker = adopt(quantizing)
    wait_until(lambda: read_status(quantizing).step >= 2, 60, "the float model and the method that kills")
    worker.kill()
    wait_for_state(quantizing, RunState.DIED, RunState.DONE)
    finished(quantizing, 2, adopt)


def test_stopped_it_keeps_what_it_has_measured(quantizing: Run, adopt: Adopt) -> None:
    adopt(quantizing)
    wait_until(lambda: read_status(quantizing).step >= 1, 60, "the float model")
    send(quantizing, "stop")
    wait_for_state(quantizing, RunState.STOPPED, RunState.DONE, timeout=100)
    assert len([each for each in EventReader(quantizing).refresh() if each.get("kind") == ENDED][-1]["trials"]) == len(read_quantize_trials(RunReader(quantizing)))
    finished(quantizing, 1, adopt)
