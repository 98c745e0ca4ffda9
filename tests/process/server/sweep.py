"""A job that measures a trained model again and again, begun; one of its measurements kills the process that it is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run, find_checkpoint, start_worker
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import Run, RunState, read_status
from tests.process.support import Process, state_of, wait_for_state

Adopt = Callable[[Run], Process]

# Its forward pass ends the process where `fatal` holds.
BRITTLE = """
import os, signal
import torch

class Brittle(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(16, 24)
        self.head = torch.nn.Linear(24, 3)

    def forward(self, images):
        if {fatal}:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.head(self.first(images.flatten(1)).relu())

def build():
    return Brittle()
"""
CONFIG = """
[model]
kind = "custom"
target = "brittle:build"

[data]
kind = "fake"
samples = 200
classes = 3
image_size = 4
channels = 1

[training]
epochs = 1
batch_size = 32
threads = 1
device = "cpu"
"""


def begin_sweep(project: Path, adopt: Adopt, job: str, changes: Sequence[str], *, fatal: str = "False", runs: Path | None = None) -> Run:
    """A job that has begun, on a run that trained."""
    (project / "brittle.py").write_text(BRITTLE.format(fatal=fatal))
    runs = runs or project.parent / "runs"
    trained = create_run(runs, parse_config(CONFIG))
    start_worker(trained)
    adopt(trained)
    wait_for_state(trained, RunState.DONE, timeout=100)
    _, config, differences = changed_config(trained, changes, job=job)
    run = create_run(runs, config, parent=trained, checkpoint=find_checkpoint(trained).path, changes=differences)
    start_worker(run)
    return run


def finish_sweep(run: Run, adopt: Adopt) -> None:
    """Resume it, and wait for its end."""
    start_worker(run, resume=True)
    adopt(run)
    wait_for_state(run, RunState.DONE, RunState.FAILED, timeout=100)
    assert (state_of(run), read_status(run).error) == (RunState.DONE, "")
