"""Learning-rate range tests whose curve is what a test wants it to be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.lr_range.ranged import RANGED, median_suggestions
from gradtop.trainer.jobs.lr_range.suggest import spaced, suggest
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, StreamWriter, write_status
from gradtop.trainer.record.streams.registry import LR_RANGE
from tests.tui.runs_fixture import NOW

STEPS = 100
SMOOTHED = [2.5 - (index / 40) ** 2 if index < 60 else 0.25 + (index - 60) / 20 for index in range(80)]


def range_run(runs: Path, losses: Sequence[float] = SMOOTHED, *, state: RunState = RunState.DONE, parent: Run | None = None) -> Run:
    """A test that has measured these losses."""
    run = create_run(runs, parse_config("", job="lr_range"), name="keen-newt", parent=parent)
    lrs = spaced(1e-7, 10.0, STEPS)[: len(losses)]
    writer = StreamWriter(run)
    writer.open(LR_RANGE, first_step=1)
    for step, (lr, loss) in enumerate(zip(lrs, losses, strict=True), 1):
        writer.put(LR_RANGE, step, NOW + step / 100, (lr, loss * 1.1, loss, lr, 0))
    writer.close()
    found = {each.method: each.x for each in suggest(lrs, losses, STEPS)} if state is RunState.DONE else {}
    result = {"suggestions": found, "diverged_at": lrs[-1]} if state is RunState.DONE else {}
    write_status(run, Status(state=state, step=len(losses), steps=STEPS, updated=NOW, ended=NOW, seconds=3.0, result=result))
    return run


def seeds_run(runs: Path, over: str, optimizer: str, *, seeds: int = 3) -> Run:
    """A test of several seeds over something else than the learning rate; each has a curve that lies a tenth higher than the one before."""
    overrides = [f"lr_range.over={over}", f"lr_range.seeds={seeds}", f"optimizer.kind={optimizer}"]
    run = create_run(runs, parse_config("", overrides=overrides, job="lr_range"), name="keen-newt")
    ranged = RANGED[over]
    values = ranged.values(ranged.start, ranged.end, STEPS)[: len(SMOOTHED)]
    writer, found = StreamWriter(run), []
    writer.open(LR_RANGE, first_step=1)
    for seed in range(seeds):
        losses = [loss + seed / 10 for loss in SMOOTHED]
        for step, (value, loss) in enumerate(zip(values, losses, strict=True), seed * STEPS + 1):
            writer.put(LR_RANGE, step, NOW + step / 100, (1e-3, loss * 1.1, loss, value, seed))
        found.append(ranged.suggest(values, losses, STEPS))
    writer.close()
    suggestions, spread = median_suggestions(found, ranged)
    result: dict[str, object] = {"over": over, "suggestions": suggestions, "diverged_at": None, "spread": spread, "seeds": [{}] * seeds}
    write_status(run, Status(state=RunState.DONE, step=seeds * STEPS, steps=seeds * STEPS, updated=NOW, ended=NOW, seconds=3.0, result=result))
    return run
