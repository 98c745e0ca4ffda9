"""SIGKILL at each file operation while a checkpoint is replaced by another one of the same step, as a pruned or a quantized one is."""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.sidecar import Saved, path_of, read_sidecar, sidecar_of
from gradtop.trainer.record import Run, RunReader
from tests.process.zygote import is_file_operation

STEP = 180


def save(run: Run, share: float) -> Path:
    """A checkpoint with this share of zeros, which is as large as any other."""
    weights = torch.arange(1.0, 101.0)
    weights[: int(100 * share)] = 0
    saved = Saved(step=STEP, epoch=2, val_loss=1 + share, note=note_of(share))
    return checkpoint.save(run.checkpoints, {"step": STEP, "epoch": 2, "weights": weights}, saved)


def note_of(share: float) -> str:
    return f"pruned: layer_l1 {share:.0%}"


def killed_at(operation: int, run: Run, share: float) -> bool:
    """Replace it in a process that is killed before its n-th file operation; False where it has fewer."""
    child = os.fork()
    if not child:
        left = operation

        def watch(_frame: FrameType, event: str, function: Any) -> None:
            nonlocal left
            if event == "c_call" and is_file_operation(function):
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            sys.setprofile(watch)
            save(run, share)
            sys.setprofile(None)
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, -signal.SIGKILL}
    return code != 0


def share_of(run: Run) -> float:
    weights: torch.Tensor = checkpoint.load(path_of(run.checkpoints, STEP))["weights"]
    return round(float((weights == 0).float().mean()), 2)


@pytest.mark.parametrize("before", [0.3, None], ids=["replaced", "the first"])
def test_wherever_a_replacement_is_killed_what_is_said_is_true_of_the_weights(tmp_path: Path, before: float | None) -> None:
    outcomes = set()
    for operation in count(1):
        run = Run(tmp_path / str(operation))
        run.checkpoints.mkdir(parents=True)
        if before is not None:
            save(run, before)
        killed = killed_at(operation, run, 0.6)
        found = RunReader(run).checkpoints()
        assert len(found) == (before is not None or share_of(run) == 0.6 if checkpoint.saved_steps(run.checkpoints) else 0), operation
        if found:
            share = share_of(run)
            outcomes.add(share)
            assert (found[0].note, found[0].val_loss) == (note_of(share), 1 + share), operation
            saved = read_sidecar(found[0].path)
            assert saved is not None
            assert (saved.note, saved.val_loss) == (note_of(share), 1 + share), operation
            checkpoint.remove_leftovers(run.checkpoints)
            checkpoint.settle_sidecars(run.checkpoints)
            assert json.loads(sidecar_of(found[0].path).read_text())["note"] == note_of(share)
            assert {path.name for path in run.checkpoints.iterdir()} == {f"step-{STEP:06d}.pt", f"step-{STEP:06d}.json"}
        if not killed:
            break
    assert operation > 8
    assert outcomes == ({before, 0.6} if before is not None else {0.6})
