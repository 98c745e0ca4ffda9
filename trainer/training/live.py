"""Hyperparameters that change in a running training: which can, and how each takes effect between two steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.trainer.analysis.live_change import LiveConsequences, live_consequences, reschedules
from gradtop.trainer.config import LIVE_KINDS, Config, ConfigProblems, diff_config, find_spec, to_tables
from gradtop.trainer.config.override import full_key
from gradtop.trainer.config.table_entry import field_key
from gradtop.trainer.config.validate import validate
from gradtop.trainer.data.augment import augmentation
from gradtop.trainer.optim.lr_scheduler import advance, build_schedule, scale, take_history
from gradtop.trainer.optim.optimizer import complete_state
from gradtop.trainer.record import EventKind, EventReader
from gradtop.trainer.record.config_values import value_of
from gradtop.trainer.runtime.control import Applied, Unconfirmed
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.threads import use_threads
from gradtop.trainer.training.freeze import check_freeze
from gradtop.trainer.training.text_sampler import check_prompt

if TYPE_CHECKING:
    from gradtop.trainer.training.session import Session


def changed(config: Config, changes: Mapping[str, object]) -> Config:
    """The configuration with live changes by key, all or none. Raises ValueError with a sentence.

    A new learning rate scales the whole schedule, its lower bound included, unless the schedule is replaced with it.
    """
    tables = to_tables(config)
    known: dict[str, object] = {}
    # Kinds first, whatever the order: they decide what the other keys mean.
    for short, value in sorted(changes.items(), key=lambda change: not change[0].endswith("kind")):
        key = _key(tables, short, value)
        known[key] = value
        if key in LIVE_KINDS and tables[key.partition(".")[0]]["kind"] != value:
            tables[key.partition(".")[0]] = {"kind": value}
    if "optimizer.lr" in known and "schedule.kind" not in known and "schedule.min_lr" not in known:
        _scale_lower_bound(tables, known["optimizer.lr"], config)
    for key, value in known.items():
        table, _, name = key.partition(".")
        tables[table][name] = value
    try:
        return validate(tables)
    except ConfigProblems as wrong:
        raise ValueError("; ".join(str(problem) for problem in wrong.problems)) from None


def _scale_lower_bound(tables: Mapping[str, dict[str, Any]], lr: object, config: Config) -> None:
    if "min_lr" in tables["schedule"] and isinstance(lr, int | float) and not isinstance(lr, bool):
        tables["schedule"]["min_lr"] *= lr / config.optimizer.lr


def _key(tables: Mapping[str, Mapping[str, Any]], short: str, value: object) -> str:
    """The full key of something that can be changed live. Raises ValueError."""
    kinds = {name: str(table["kind"]) for name, table in tables.items() if "kind" in table}
    try:
        key = field_key(full_key(short, kinds))
    except ConfigProblems as wrong:
        raise ValueError("; ".join(str(problem) for problem in wrong.problems)) from None
    if key in LIVE_KINDS:
        if not isinstance(value, str) or value not in LIVE_KINDS[key]:
            raise ValueError(f"{key} can become {' or '.join(sorted(LIVE_KINDS[key]))} while training runs; another requires a fork")
        return key
    spec = find_spec(key, kinds.get(key.partition(".")[0], ""))
    effect = spec.effect if spec is not None else "restart"
    if effect != "live":
        raise ValueError(f"{key} cannot be changed while training runs: it requires a {effect}")
    return key


def set_live(session: Session, changes: Mapping[str, object], *, confirmed: bool = True) -> Applied:
    """Change live hyperparameters of a running training, all or none. Raises ValueError with a sentence; Unconfirmed."""
    new = changed(session.config, changes)
    made = diff_config(session.config, new)
    if not made:
        tables = to_tables(new)
        keys = [_key(tables, short, value) for short, value in changes.items()]
        raise ValueError("no change: " + ", ".join(f"{key} is already {setting_text(value_of(tables, key))}" for key in keys))
    try:
        augmentation(new.augment, session.source, seed=new.training.seed, ignored=new.task.wanted.ignored)
        check_prompt(new, session.source)
        if new.freeze != session.config.freeze:
            check_freeze(new.freeze, session.model, session.fixed)
    except UserError as error:
        # What cannot be done must not end the training.
        raise ValueError(str(error)) from None
    effects = consequences(session, new)
    applied = Applied(
        old={change.key: change.old for change in made},
        new={change.key: change.new for change in made},
        consequences=effects.to_fields(),
    )
    if effects.grave and not confirmed:
        raise Unconfirmed(applied)
    apply(session, new)
    for change in made:
        table, _, name = change.key.partition(".")
        if name == "kind":
            # What was changed of the kind that was is no part of the one that is, which is told whole.
            session.changes = {key: value for key, value in session.changes.items() if not key.startswith(f"{table}.")}
            session.changes |= {f"{table}.{each}": value for each, value in to_tables(new)[table].items()}
        session.changes[change.key] = change.new
    session.progress.update(changes=dict(session.changes), threads=torch.get_num_threads())
    session.lr_plan.publish(session.config, session.steps, after=session.step)
    return applied


def consequences(session: Session, new: Config) -> LiveConsequences:
    """What the change to `new` does at once, before it is made."""

    def rates() -> tuple[float, float]:
        optimizer = torch.optim.SGD([torch.zeros((), requires_grad=True)], lr=new.optimizer.lr)
        _schedule_of(session, new, optimizer)
        return float(session.optimizer.param_groups[0]["lr"]), float(optimizer.param_groups[0]["lr"])

    return live_consequences(session.config, new, step=session.step, per_epoch=session.per_epoch, rates=rates, now=float(session.optimizer.param_groups[0]["lr"]))


def apply(session: Session, new: Config) -> None:
    """Make a running training that of the new configuration, from the next step on."""
    old, session.config = session.config, new
    keys = {change.key for change in diff_config(old, new)}
    if reschedules(old, new):
        _reschedule(session)
    elif "optimizer.lr" in keys:
        scale(session.optimizer, session.schedule, new.optimizer.lr / old.optimizer.lr)
    _set_optimizer(session.optimizer, new)
    if "model.dropout" in keys:
        _set_dropout(session.model, float(getattr(new.model, "dropout", 0.0)))
    if any(key.startswith("freeze.") for key in keys):
        session.freeze()
    if "training.threads" in keys:
        use_threads(new.training.threads or session.default_threads)
        if session.thread_tuner is not None:
            session.thread_tuner.give_way()
    session.take_settings()


def _reschedule(session: Session) -> None:
    """Build the schedule anew and put it where training stands."""
    session.take_settings()
    for group in session.optimizer.param_groups:
        group["lr"] = session.config.optimizer.lr
        for name in ("initial_lr", "max_lr", "min_lr"):
            group.pop(name, None)
    session.schedule = _schedule_of(session, session.config, session.optimizer)


def _schedule_of(session: Session, config: Config, optimizer: Optimizer) -> LRScheduler:
    """The schedule of a configuration, for an optimizer with the full learning rate, where training stands."""
    steps = session.steps_of(config)
    made = build_schedule(config.schedule, optimizer, total_steps=steps, steps_per_epoch=session.per_epoch)
    # Past its end a schedule of a certain length goes nowhere.
    advance(made, min(session.step, steps))
    if type(made) is type(session.schedule):
        take_history(made, session.schedule.state_dict(), judged_alike=True)
    return made


def repeat_changes(session: Session, last_set: str | None) -> dict[str, object]:
    """Make the changes again that were made after the checkpoint; returns them by key.

    `last_set` is the last command whose change the checkpoint has, "" for none, None where an earlier version did not note it.
    """
    reader = EventReader(session.run)
    reader.refresh()
    commands = [event for event in reader.rare if event["kind"] == EventKind.COMMAND and event.get("command") == "set" and event.get("ok")]
    ids = [event.get("id") for event in commands]
    if last_set is None or not commands:
        return {}
    made: dict[str, object] = {}
    # Of a long history only the end is read; what is not in it lies before it.
    for event in commands[ids.index(last_set) + 1 if last_set in ids else 0 :]:
        changes = event.get("changes")
        try:
            made |= session.set_live(changes).new if isinstance(changes, Mapping) else {}
        except ValueError as error:
            session.writer.event(EventKind.WARNING, step=session.step, message=f"a change that was made after the checkpoint is not made again: {error}")
        session.control.last_set = str(event.get("id"))
    return made


def _set_optimizer(optimizer: Optimizer, config: Config) -> None:
    """Everything but the learning rate, which is the schedule's."""
    values = {name: value for name, value in vars(config.optimizer).items() if name not in {"kind", "lr"}}
    for group in optimizer.param_groups:
        for name, value in values.items():
            # A group whose weight decay is zero is the one that decays not at all.
            if name in group and not (name == "weight_decay" and group.get("decays") is False):
                group[name] = value
    complete_state(config.optimizer, optimizer)


def _set_dropout(model: nn.Module, share: float) -> None:
    for module in _droppers(model):
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = share
        else:
            module.p = share


def _droppers(model: nn.Module) -> Iterator[Any]:
    kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.MultiheadAttention)
    return (module for module in model.modules() if isinstance(module, kinds))
