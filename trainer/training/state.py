"""The state of a training, as checkpoints hold it: gathered from the parts of a session, and given back to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.checkpoint.format import State
from gradtop.trainer.config import Config, to_tables
from gradtop.trainer.data.load import encoding_record
from gradtop.trainer.models.pruned import PRUNING
from gradtop.trainer.record.streams.registry import LOSS, LR
from gradtop.trainer.runtime.threads import use_threads
from gradtop.trainer.training.class_rows import CLASS_NAMES, numbered_names

ENCODING, DEFAULT_THREADS = "encoding", "default_threads"  # in a checkpoint
NOT_MEASURED = ("sampler", "workers", "prefetch")  # of the section data: what the validation loss does not depend on

if TYPE_CHECKING:
    from gradtop.trainer.training.session import Session


def parts(session: Session) -> dict[str, Any]:
    """All that has a state of its own, by the name it has in a checkpoint; each gives and takes it (state_dict, load_state_dict)."""
    named = {
        "model": session.model,
        "optimizer": session.optimizer,
        "schedule": session.schedule,
        "scaler": session.compute.scaler,
        "ema": session.compute.ema,
        PRUNING: session.compute.mask,
        "guard": session.guard,
        "scores": session.scores,
        "stopwatch": session.stopwatch,
        "random": session.generators,
    }
    if session.compute.task.state_dict():
        named["task"] = session.compute.task
    return {name: part for name, part in named.items() if part is not None}


def kinds(config: Config) -> dict[str, str]:
    """The kinds whose states are of no use to other kinds."""
    return {"optimizer": config.optimizer.kind, "schedule": config.schedule.kind}


def described_data(config: Config) -> str:
    """What its losses are losses of, in plain text: arguments may be of any type that TOML has."""
    tables = to_tables(config)
    # As of before there were tasks, where the data tell it.
    found = tables["data"] if config.task.kind == "auto" else {"data": tables["data"], "task": tables["task"]}
    return json.dumps(found, default=str)


def same_data(saved: object, config: Config) -> bool:
    """Whether a checkpoint's losses are of the same data, by what `described_data` said of them; how samples are drawn and read changes nothing of that."""
    try:
        before, now = (json.loads(text) for text in (str(saved), described_data(config)))
    except ValueError:
        return False
    for found in (before, now):
        data = found.get("data", found) if isinstance(found, dict) else {}
        for key in NOT_MEASURED if isinstance(data, dict) else ():
            data.pop(key, None)
    return bool(before == now)


def training_state(session: Session) -> State:
    """A copy of all that a resume needs to go on as if nothing had been."""
    state: State = encoded(
        {
            "step": session.step,
            "evaluated": session.evaluated,
            "changes": session.changes,
            "last_set": session.control.last_set,
            DEFAULT_THREADS: session.default_threads,
            "tuned_threads": session.thread_tuner.chosen if session.thread_tuner is not None else 0,
            **{name: part.state_dict() for name, part in parts(session).items()},
            # What is shown of a run that ends before its next step.
            "latest": {name: session.monitor.latest[name] for name in (LOSS, LR)},
            # What a fork asks for, whose configuration may be another.
            "epoch": session.epoch,
            "per_epoch": session.per_epoch,
            "counts_epochs": session.counts_epochs,
            "epoch_means": session.monitor.epoch_means.state_dict(),
            "first_losses": list(session.monitor.first_losses),
            "kinds": kinds(session.config),
            "data": described_data(session.config),
            # What tells at a resume why something does not fit.
            "config": to_tables(session.config),
            "found": session.data_record.fingerprint,
            **({CLASS_NAMES: names} if (names := numbered_names(session)) else {}),
            **({ENCODING: found} if (found := encoding_record(session.source)) else {}),
        }
    )
    return state


def restore(session: Session, state: State) -> None:
    """Put all of it where the checkpoint left it. Raises RuntimeError, ValueError or KeyError where it does not fit."""
    if state["kinds"] != kinds(session.config):
        raise ValueError(f"the checkpoint is of {state['kinds']}")
    session.step, session.evaluated, session.changes = state["step"], state["evaluated"], dict(state["changes"])
    session.kept = session.step
    if session.thread_tuner is not None and not session.config.training.threads and (tuned := state.get("tuned_threads", 0)):
        session.thread_tuner.chosen = tuned
        use_threads(tuned)
    # What trains decides what the optimizer has a state of.
    session.freeze(announced=not session.evaluation_due)
    for name, part in parts(session).items():
        part.load_state_dict(state[name])
    session.monitor.epoch_means.load_state_dict(state.get("epoch_means", {}))
    session.monitor.first_losses.extend(state.get("first_losses", ()))
    session.monitor.latest = {**session.monitor.latest, **state.get("latest", {})}
    session.checkpoint_writer.newest = session.step
