"""Comparisons of initializations that have measured what a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.init_comparison.result import PARAMETERS, init_result, layer_columns, layer_rows, loss_rows
from gradtop.trainer.jobs.init_comparison.summary import InitTrial, LayerScale
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, StreamWriter, write_status
from gradtop.trainer.record.streams.registry import INIT_LAYERS, INIT_LOSSES
from tests.tui.runs_fixture import NOW

KINDS = ("xavier_uniform", "kaiming_normal", "normal", "zeros")
LAYERS = ("stem.weight", "body.weight", "head.weight")
STEPS = 10
BINS = 8
# The last losses by seed: of the first two the seeds differ by more than these.
LAST = {"xavier_uniform": (0.50, 0.58, 0.54), "kaiming_normal": (0.49, 0.55, 0.58), "normal": (0.90, 0.98, 0.94), "zeros": (1.10, 1.10, 1.10)}
# How much larger the activations of each layer are than those of the one before.
GROWS = {"xavier_uniform": 0.5, "kaiming_normal": 1.0, "normal": 0.1, "zeros": 0.0}


def init_trial(init: str, seed: int) -> InitTrial:
    """As it would be measured: losses that fall from 1.1, but with zeros, of which no weight gets a gradient."""
    last, grows = LAST[init][seed], GROWS[init]
    losses = tuple(1.1 + (last - 1.1) * min(step / (STEPS - 2), 1.0) for step in range(STEPS))
    layers = tuple(
        LayerScale(name, 0.1 * (grows > 0), grows ** (depth + 1), 0.01 * grows ** (3 - depth), -0.3 * (grows > 0), 0.3 * (grows > 0), (1, 2, 5, 9, 9, 5, 2, 1))
        for depth, name in enumerate(LAYERS)
    )
    return InitTrial(init, seed, losses, layers)


def init_trials(seeds: int = 3) -> list[InitTrial]:
    return [init_trial(init, seed) for seed in range(seeds) for init in KINDS]


def record_trials(run: Run, trials: Sequence[InitTrial]) -> None:
    """As the worker records them."""
    writer = StreamWriter(run)
    writer.open(INIT_LAYERS, layer_columns(BINS), first_step=1, extra={PARAMETERS: list(LAYERS)})
    writer.open(INIT_LOSSES, first_step=1)
    for number, trial in enumerate(trials, 1):
        writer.put_many(INIT_LAYERS, layer_rows(trial, KINDS.index(trial.init), number, NOW + number))
        writer.put_many(INIT_LOSSES, loss_rows(trial, KINDS.index(trial.init), number, NOW + number))
    writer.close()


def init_run(runs: Path, *, state: RunState = RunState.DONE, parent: Run | None = None, trials: Sequence[InitTrial] | None = None) -> Run:
    """A comparison that has measured so much."""
    run = create_run(runs, parse_config(f"[init_comparison]\nseeds = 3\nsteps = {STEPS}\n", job="init_comparison"), name="calm-finch", parent=parent)
    trials = init_trials() if trials is None else trials
    record_trials(run, trials)
    result = init_result(trials, KINDS) if trials else {}
    write_status(run, Status(state=state, step=len(trials), steps=12, updated=NOW, ended=NOW, seconds=30.0, result=result))
    return run
