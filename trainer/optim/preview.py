"""`python -P -m gradtop.trainer.optim.preview`: plans learning rates for whoever asks, one JSON line in, one out.

A request is {"id", "tables", "steps_per_epoch"}, the tables being those of a configuration and steps_per_epoch 0 where the
data tell it. The answer is {"id", "points": [[step, lr], …], "turns": [step, …], "steps", "steps_per_epoch"}, or {"id", "problem"}.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.config import ConfigProblems
from gradtop.trainer.config.fork_preview import steps_per_epoch
from gradtop.trainer.config.validate import validate
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.optim.schedules import Span
from gradtop.trainer.runtime.errors import UserError

LONGEST = 20_000_000  # steps; to walk more takes a minute
READY = {"ready": True}


def plan(request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    try:
        return {"id": request.get("id"), **_planned(request)}
    except (ConfigProblems, UserError, ValueError, TypeError) as error:
        return {"id": request.get("id"), "problem": str(error)}


def _planned(request: Mapping[str, Any]) -> dict[str, Any]:
    config = validate(request.get("tables") or {})
    per_epoch = int(request.get("steps_per_epoch") or steps_per_epoch(config))
    if per_epoch < 1:
        raise UserError(f"how many steps an epoch has, data.kind = {config.data.kind} does not tell before it is opened")
    steps = config.training.steps or config.training.epochs * per_epoch
    if steps > LONGEST:
        raise UserError(f"{steps} steps are too many to walk through; {LONGEST} are the most")
    points = planned_lr(config.schedule, config.optimizer, total_steps=steps, steps_per_epoch=per_epoch, resting=False)
    turns = [turn.step for turn in config.schedule.turns(Span(steps, per_epoch))]
    return {"points": points, "turns": turns, "steps": steps, "steps_per_epoch": per_epoch}


def main() -> None:
    """Answer until the other end closes. What anything else prints is no answer."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print(json.dumps(READY), file=answers, flush=True)
    for line in sys.stdin:
        try:
            request = json.loads(line)
        except ValueError:
            continue
        if isinstance(request, dict):
            print(json.dumps(plan(request)), file=answers, flush=True)


if __name__ == "__main__":
    main()
