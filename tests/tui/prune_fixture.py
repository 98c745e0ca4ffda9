"""Pruning runs that have measured what a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.checkpoint.sidecar import Saved, write_sidecar
from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.prune.result import LAYER_NAMES, PruneAbout, prune_result, pruned_layer_rows, trial_row
from gradtop.trainer.jobs.prune.trial import FIGURES, PruneTrial
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, StreamWriter, write_status
from gradtop.trainer.record.streams.registry import (
    ACCURACY,
    BASE_BATCH_LATENCY,
    BASE_LATENCY,
    BATCH_LATENCY,
    COMPRESSED_BYTES,
    DIFFERENCE,
    FILE_BYTES,
    LATENCY,
    LOSS,
    NONZERO,
    PARAMETER_COUNT,
    PRUNING,
    PRUNING_LAYERS,
    SCORE,
)
from tests.support import CHECKPOINT
from tests.tui.runs_fixture import NOW

METHODS = ("global_l1", "random", "channel_removal")
LAYERS = (("stem", 1000), ("blocks.0.conv", 4000), ("blocks.1.conv", 4000), ("head", 1000))
WHOLE = sum(weights for _, weights in LAYERS)
AMOUNTS = (0.25, 0.5, 0.75)
# The accuracy that is left by amount: all of it up to the half, by the smallest values; little at random.
LEFT = {"global_l1": (0.96, 0.955, 0.7), "random": (0.6, 0.3, 0.1)}
ERROR = "channels cannot be removed from this model (shape '[-1, 288]' is invalid for input of size 80): its code computes with fixed numbers of channels"
ABOUT = PruneAbout(ACCURACY, "max", 64, "head", LAYERS)


def prune_trial(method: str, amount: float, accuracy: float = 0.96) -> PruneTrial:
    nonzero = tuple(round(weights * (1 - amount)) for _, weights in LAYERS)
    figures = {
        LOSS: 1 - accuracy, ACCURACY: accuracy, SCORE: accuracy, PARAMETER_COUNT: WHOLE, NONZERO: sum(nonzero), FILE_BYTES: 4 * WHOLE, COMPRESSED_BYTES: 3 * WHOLE * (1 - amount),
        LATENCY: 0.001, BASE_LATENCY: 0.001, BATCH_LATENCY: 0.02, BASE_BATCH_LATENCY: 0.02, DIFFERENCE: float("nan"),
    }  # fmt: skip
    return PruneTrial(method, amount, tuple(float(figures[name]) for name in FIGURES), nonzero)


def prune_trials() -> list[PruneTrial]:
    """As they would be measured; channels cannot be removed."""
    found = [prune_trial("", 0.0)]
    for place, amount in enumerate(AMOUNTS):
        found += [prune_trial(method, amount, left[place]) for method, left in LEFT.items()]
        if not place:
            found.append(PruneTrial("channel_removal", amount, error=ERROR))
    return found


def record_pruning(run: Run, trials: Sequence[PruneTrial]) -> None:
    """As the worker records them."""
    writer = StreamWriter(run)
    writer.open(PRUNING_LAYERS, first_step=1, extra={LAYER_NAMES: [name for name, _ in LAYERS]})
    writer.open(PRUNING, first_step=1)
    for number, trial in enumerate(trials, 1):
        writer.put_many(PRUNING_LAYERS, pruned_layer_rows(trial, number, NOW + number))
        writer.put_many(PRUNING, [trial_row(trial, METHODS, number, NOW + number)])
    writer.close()


def write_checkpoint(run: Run, note: str) -> None:
    """What `--write` leaves, but for the weights."""
    (run.checkpoints / "step-000040.pt").write_bytes(CHECKPOINT)
    write_sidecar(run.checkpoints / "step-000040.pt", Saved(step=40, epoch=2, val_loss=0.1, val_accuracy=0.9, best=True, time=NOW, note=note))


def prune_run(runs: Path, *, state: RunState = RunState.DONE, parent: Run | None = None, trials: Sequence[PruneTrial] | None = None, written: str = "") -> Run:
    """A sweep that has measured so much, and has written a checkpoint with this note."""
    words = [f"prune.methods={','.join(METHODS)}", f"prune.amounts={','.join(map(str, AMOUNTS))}"]
    run = create_run(runs, parse_config("", overrides=words, job="prune"), name="swift-otter", parent=parent)
    trials = prune_trials() if trials is None else trials
    record_pruning(run, trials)
    if written:
        write_checkpoint(run, written)
    result = prune_result(trials, ABOUT) if trials else {}
    write_status(run, Status(state=state, step=len(trials), steps=10, updated=NOW, ended=NOW, seconds=30.0, parameters=WHOLE, result=result))
    return run
