"""A disk that fills up while a checkpoint is pruned or quantized in several ways, and one of these is to be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.jobs.prune.result import read_prune_trials
from gradtop.trainer.jobs.quantize.result import read_quantize_trials
from gradtop.trainer.record import Run, RunReader, RunState, read_status
from tests.disk import mounted, occupy
from tests.process.server.sweep import Adopt, begin_sweep, finish_sweep
from tests.process.support import state_of, wait_for_state
from tests.support import wait_until

SWEEPS = {
    "prune": ("prune.methods=layer_l1", "prune.amounts=0.6", "prune.write=0.6"),
    "quantize": ("quantize.methods=weight_int8,weight_int4", "quantize.batch_sizes=1", "quantize.compiled=false", "quantize.write=weight_int8"),
}
MEASURED = {"prune": 2, "quantize": 3}
WRITTEN = {"prune": "pruned: layer_l1 60 %", "quantize": "quantized: weight_int8"}


@pytest.mark.parametrize("job", SWEEPS)
def test_a_full_disk_costs_no_half_of_a_checkpoint_and_a_resume_writes_it(tmp_path: Path, running_server: int, project: Path, adopt: Adopt, job: str) -> None:
    with mounted(tmp_path, "4m") as disk:
        run = begin_sweep(project, adopt, job, SWEEPS[job], runs=disk)
        adopt(run)
        wait_until(lambda: read_status(run).step >= 1, 60, "a measurement")
        ballast = occupy(disk)
        wait_for_state(run, RunState.FAILED, timeout=100)
        status = read_status(run)
        assert status.error == f"the checkpoint cannot be written into {run.checkpoints}: No space left on device"
        assert not run.checkpoints.exists() or not list(run.checkpoints.iterdir())
        ballast.unlink()
        kept = measured(job, run)
        finish_sweep(run, adopt)
        assert state_of(run) is RunState.DONE
        assert kept <= measured(job, run) == MEASURED[job]
        assert [each.note for each in RunReader(run).checkpoints()] == [WRITTEN[job]]


def measured(job: str, run: Run) -> int:
    reader = RunReader(run)
    return len(read_prune_trials(reader) if job == "prune" else read_quantize_trials(reader))
