"""Searches that have tried what a test wants."""

from __future__ import annotations

import math
import os
import random
from dataclasses import replace
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.search.outcome import SearchOutcome
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, write_status
from gradtop.trainer.record.status import process_start, this_host
from gradtop.trainer.trials.recorded import Trial, TrialState, append_trial
from tests.tui.runs_fixture import NOW

SPACE = '[search]\nworkers = 2\nspace = { "optimizer.lr" = "log(1e-5, 1e-1)" }'
LR, BATCH, MOMENTUM, KIND = "optimizer.lr", "training.batch_size", "optimizer.momentum", "optimizer.kind"
SHARES = {LR: 0.71, BATCH: 0.18, MOMENTUM: 0.08, KIND: 0.03}


def trial(number: int, draw: random.Random, *, objectives: int = 1, run: str = "") -> Trial:
    """One that is done, pruned or failed, with a value that depends on the learning rate most."""
    lr, batch = 10 ** draw.uniform(-5, -1), draw.choice([16, 32, 64, 128])
    loss = 0.012 * (1 + 3 * (math.log10(lr) + 2.7) ** 2) * math.exp(draw.gauss(0.1, 0.15)) * (1 + batch / 500)
    params: dict[str, float | int | bool | str] = {LR: lr, BATCH: batch, KIND: draw.choice(["adamw", "sgd"])}
    if params[KIND] == "sgd":
        params[MOMENTUM] = draw.uniform(0.5, 0.99)
    state = TrialState.FAILED if draw.random() < 0.02 else TrialState.PRUNED if draw.random() < 0.2 else TrialState.DONE
    values = {} if state is TrialState.FAILED else {"loss": loss, "seconds": 3 + 400 / batch * draw.uniform(0.9, 1.1)}
    values = dict(list(values.items())[:objectives])
    started = NOW - 900 + 6 * number
    error = "out of memory" if state is TrialState.FAILED else ""
    return Trial(number, state, params, values, run, "hand" if number == 7 else "sampler", 100, started - 1, started, started + 4.2, error)


def search_run(
    runs: Path, trials: int = 41, *, state: RunState = RunState.TRAINING, objectives: int = 1, budget: int = 100, parent: Run | None = None, training: int = 2
) -> Run:
    """A search with so many trials that have ended; `training` ones go on, and one is queued."""
    run = create_run(runs, parse_config(SPACE, job="search"), name="sweep-lr", parent=parent)
    draw = random.Random(3)
    for number in range(trials):
        append_trial(run, trial(number, draw, objectives=objectives, run=f"20261124-1530-trial-{number}"))
    alive = training if state is RunState.TRAINING else 0
    for number in range(trials, trials + alive):
        going = replace(trial(number, draw), state=TrialState.TRAINING, values={}, ended=0.0, error="", run=f"20261124-1530-trial-{number}")
        append_trial(run, going)
    if alive:
        append_trial(run, Trial(trials + alive, TrialState.QUEUED, {LR: 3e-3}, source="hand", queued=NOW - 3))
    names = {"loss": "min", "seconds": "min"}
    importances = {"ped_anova": dict.fromkeys(names, SHARES)} if trials > 10 else {}
    outcome = SearchOutcome(dict(list(names.items())[:objectives]), budget=budget, importances=importances)
    write_status(run, Status(state=state, step=trials, steps=budget, updated=NOW, seconds=30.0, host=this_host()[0], boot=this_host()[1], pid=os.getpid(), pid_started=process_start(os.getpid()) or 0.0, result=outcome.record()))
    return run
