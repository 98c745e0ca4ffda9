"""Sensitivity analyses that have measured what a test wants."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.sensitivity.config import Settings
from gradtop.trainer.jobs.sensitivity.effects import outcome_from
from gradtop.trainer.jobs.sensitivity.outcome import SensitivityOutcome
from gradtop.trainer.jobs.sensitivity.plan import Point, plan_of
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, write_status
from gradtop.trainer.trials.space import Value
from tests.tui.runs_fixture import NOW

CONFIG = """
[model]
kind = "mlp"
dropout = 0.25
[optimizer]
kind = "sgd"
lr = 0.05
momentum = 0.9
[sensitivity]
seeds = 3
pairs = ["lr,batch_size"]
[sensitivity.vary]
"optimizer.momentum" = "float(0.7, 0.9)"
"optimizer.lr" = "log(0.005, 0.5)"
"model.dropout" = "float(0, 0.5)"
"training.batch_size" = "int(16, 256, log)"
"""
LR, MOMENTUM, DROPOUT, BATCH = "optimizer.lr", "optimizer.momentum", "model.dropout", "training.batch_size"
SHARES = {"ped_anova": {LR: 0.71, BATCH: 0.18, MOMENTUM: 0.11}}


def loss(values: Mapping[str, Value]) -> float:
    """Of the learning rate relative to the batch size most, of momentum not at all."""
    lr, batch, dropout = (float(values.get(key, base)) for key, base in ((LR, 0.05), (BATCH, 64), (DROPOUT, 0.25)))
    found: float = 0.4 + 0.3 * math.log10(lr / 0.05 * (64 / batch) ** 0.5) ** 2 + 0.8 * abs(dropout - 0.25) ** 1.5
    return found


def has_diverged(point: Point, seed: int) -> bool:
    """The largest learning rate does with the smallest batches, and with others in one of three seeds."""
    values = dict(point)
    return values.get(LR) == 0.5 and (values.get(BATCH) == 16 or (BATCH not in values and seed == 2))


def outcome_so_far(trainings: int | None = None, *, normalised: bool = False, seeds: int = 3, more: tuple[str, ...] = ()) -> SensitivityOutcome:
    """What is known after so many trainings."""
    config = parse_config(CONFIG, overrides=[f"sensitivity.seeds={seeds}", *more], job="sensitivity")
    settings = config.part("sensitivity")
    assert isinstance(settings, Settings)
    plan, draw = plan_of(config, settings), random.Random(0)
    measured: dict[Point, dict[int, float]] = {}
    failed: dict[Point, int] = {}
    for point, seed in plan.trainings[:trainings]:
        if has_diverged(point, seed):
            failed[point] = failed.get(point, 0) + 1
        else:
            measured.setdefault(point, {})[seed] = loss(dict(point)) + 0.02 * seed + draw.gauss(0, 0.01)
    found = outcome_from(plan, settings.metric(config), measured, failed, normalised=normalised)
    return replace(found, search="20261124-1530-sweep-lr", search_name="sweep-lr", importances=SHARES)


def sensitivity_run(runs: Path, *, state: RunState = RunState.DONE, parent: Run | None = None, trainings: int | None = None, more: tuple[str, ...] = ()) -> Run:
    """An analysis in which so many trainings have ended."""
    run = create_run(runs, parse_config(CONFIG, overrides=list(more), job="sensitivity"), name="keen-lynx", parent=parent)
    outcome = outcome_so_far(trainings, more=more)
    step = outcome.trainings if trainings is None else trainings
    result = outcome.record() if step else {}
    write_status(run, Status(state=state, step=step, steps=outcome.trainings, updated=NOW, ended=NOW, seconds=30.0, result=result))
    return run
