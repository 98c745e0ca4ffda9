"""Runs that were stopped, and forks of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.format import State
from gradtop.trainer.config import Config, apply_overrides, dump_config, parse_config
from gradtop.trainer.launch import create_run, find_checkpoint, fork_problems
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import loop
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.state import training_state
from tests.training.live_changes import train_with
from tests.training.runs import TINY, events, every_checkpoint, newest_state, rows

BASE = parse_config(TINY.format(epochs=3))
PER_EPOCH = 8
_trained: dict[tuple[object, ...], Run] = {}
# What is counted anew in a fork, and what says where it stands in time.
ITS_OWN = {"stopwatch", "scores", "first_losses"}


def begun(folder: Path, *settings: str, steps: int = 11) -> Run:
    """A run that was stopped after so many of its 24 steps: in the middle of its second epoch, unless told otherwise."""
    return copied(folder, ("begun", *settings, steps), lambda at: train_so_far(at, *settings, steps=steps))


def train_so_far(folder: Path, *settings: str, steps: int) -> Run:
    run = new_run(folder / "runs", dump_config(apply_overrides(BASE, settings)), {})
    with every_checkpoint():
        train_with(run, {}, stop=steps)
    assert read_status(run).step == steps
    return run


def copied(folder: Path, what: tuple[object, ...], train: Callable[[Path], Run]) -> Run:
    """A copy below a test's folder of a run that is trained once for all tests of a process, beside their folders."""
    if what not in _trained:
        _trained[what] = train(folder.parent / f"trained-{len(_trained)}")
    run = Run(folder / "runs" / _trained[what].id)
    shutil.copytree(_trained[what].path, run.path)
    return run


def fork(parent: Run, *changes: str, wanted: str = "last", runs: Path | None = None) -> Run:
    """As the command and the form make one."""
    old, new, differs = changed_config(parent, changes)
    found = find_checkpoint(parent, wanted)
    assert fork_problems(old, new, found) == []
    return create_run(runs or parent.path.parent, new, parent=parent, checkpoint=found.path, changes=differs)


def trained(run: Run, **how: Any) -> Run:
    assert work(run, **how) == 0, read_status(run).error
    return run


def before_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> State:
    """The state of a run when its first step is about to be taken; it is not taken."""
    seen: list[State] = []

    def look(session: Session) -> None:
        seen.append(training_state(session))

    with monkeypatch.context() as patched:
        patched.setattr(loop, "train", look)
        trained(run)
    return seen[0]


def state_of(run: Run) -> State:
    """What its newest checkpoint holds of the training itself."""
    state = newest_state(run)
    waited = {name: state["scores"][name] for name in ("to_beat", "without_better")}
    return {**{key: value for key, value in state.items() if key not in ITS_OWN}, **waited}


def loaded(path: Path) -> State:
    return checkpoint.load(path)


def said(run: Run) -> tuple[list[str], list[str]]:
    """What was kept and what was dropped, by the event."""
    (event,) = events(run, "forked")
    return list(event["kept"]), list(event["dropped"])  # type: ignore[call-overload]


def lr_of_step(run: Run, step: int) -> float:
    return next(lr for at, lr in rows(run, "steps", "lr") if at == step)


def planned(config: Config, step: int, per_epoch: int = PER_EPOCH) -> float:
    total = config.training.steps or config.training.epochs * per_epoch
    return dict(planned_lr(config.schedule, config.optimizer, total_steps=total, steps_per_epoch=per_epoch))[step]
