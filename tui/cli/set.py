"""`gradtop set RUN KEY=VALUE …`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from gradtop.tui.cli.consent import confirmed
from gradtop.tui.cli.control import add_timeout, require_alive, send_command
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, job_of, name_of, opened, reference, runs_directory
from gradtop.tui.cli.output import print_line
from gradtop.tui.cli.start import check_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradtop.trainer.record import RunReader

EPILOG = """\
Takes effect at the next step. Fields that can be changed live: learning rate,
weight decay, momentum, betas and similar, clipping, dropout, label smoothing,
augmentation, epochs or steps, early stopping, checkpoints, and frozen parameter
names. The change is recorded in the run's events and checkpoints; run.toml is
not modified. For other fields the command that forks or restarts is suggested.

A new learning rate scales the whole schedule; with --replace the schedule ends
and the learning rate stays constant. Either is printed first, with the learning
rate of now and the one it becomes. A change that would end the run at once or
change the learning rate by a factor of 2 or more needs confirmation; --yes
confirms it. Exit code: 0 success, 1 no reply or not confirmed, 2 usage error or
not possible in the run's current state.

  gradtop set last lr=3e-4
  gradtop set last lr=3e-4 training.clip=1 --replace
  gradtop set last freeze.kind=pattern 'freeze.patterns=conv1.*'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Change hyperparameters of a live run."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="+", help="field and value, such as optimizer.lr=3e-4")
    parser.add_argument("--replace", action="store_true", help="with a learning rate: end the schedule and keep the rate constant")
    parser.add_argument("-y", "--yes", action="store_true", help="confirm a change that ends the run or changes the learning rate by a factor of 2 or more")
    add_timeout(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    check_changes(options.changes)
    reader = opened(chosen_run(options))
    require_alive(reader, options, "set")
    job = job_of(reader)
    if not job.tunable:
        raise UsageError(f"{name_of(reader)} is {job.title}, whose hyperparameters cannot be changed live")
    changes = parsed(reader, options)
    if options.replace and "optimizer.lr" not in changes:
        raise UsageError("--replace requires a learning rate, such as lr=3e-4")
    if options.replace:
        changes["schedule.kind"] = "constant"
    if said := learning_rate_text(reader, changes):
        print_line(f"{name_of(reader)}: {said}", sys.stderr if options.json else sys.stdout)
    return send_command(reader, options, "set", confirm=confirm, changes=changes, **({"confirmed": True} if options.yes else {}))


def learning_rate_text(reader: RunReader, changes: Mapping[str, object]) -> str:
    """What a new learning rate makes of the one of now, told before it is sent; "" where that is not its schedule's alone to say."""
    from gradtop.trainer.analysis.formatting import setting_text, significant
    from gradtop.trainer.analysis.live_change import new_learning_rate
    from gradtop.trainer.config import apply_overrides
    from gradtop.trainer.launch.run_config import effective_config

    old, now, lr = effective_config(reader.run), reader.status.lr, changes.get("optimizer.lr")
    if now is None or lr is None or lr == old.optimizer.lr or old.schedule.kind == "constant" or {"training.epochs", "training.steps"} & changes.keys():
        return ""
    if changes.get("schedule.kind") == "constant":
        return f"learning rate now {significant(now)} → {setting_text(lr)}, constant: the schedule ends"
    if lr == old.optimizer.lr:
        return ""  # which the worker answers
    found = new_learning_rate(old, apply_overrides(old, [f"optimizer.lr={lr!r}"]), now)
    return f"learning rate {found.scaled_text}: the whole schedule is scaled, its warm-up included"


def confirm(message: str) -> bool:
    """As `confirmed`; `message` states the consequence of the change."""
    return confirmed(message, "apply it")


def parsed(reader: RunReader, options: argparse.Namespace) -> dict[str, object]:
    """Full keys and values, checked against the declarations; the worker checks again. Raises UsageError or ConfigProblems."""
    from gradtop.trainer.config import LIVE_KINDS, ConfigProblems, Problem, apply_overrides, find_spec, to_tables
    from gradtop.trainer.config.override import full_key
    from gradtop.trainer.config.table_entry import field_key
    from gradtop.trainer.launch.run_config import effective_config

    old = effective_config(reader.run)
    # Kinds first, whatever the order: the other keys depend on them.
    words = sorted(options.changes, key=lambda word: not word.partition("=")[0].strip().endswith("kind"))
    new = to_tables(apply_overrides(old, words))
    kinds = {name: str(table.get("kind", "")) for name, table in new.items()}
    changes: dict[str, object] = {}
    problems = []
    for word in words:
        key = field_key(full_key(word.partition("=")[0].strip(), kinds))
        table, _, name = key.partition(".")
        value = new[table][name]
        spec = find_spec(key, kinds[table])
        effect = spec.effect if spec is not None else "restart"
        if effect == "live" or value in LIVE_KINDS.get(key, ()):
            changes[key] = value
        else:
            problems.append(Problem("", key, f"cannot be changed live; it needs a {effect}", instead(reader, options, effect)))
    if problems:
        raise ConfigProblems(problems)
    return changes


def instead(reader: RunReader, options: argparse.Namespace, effect: str) -> str:
    from shlex import join

    command = "fork" if effect == "fork" else "rerun"
    return f"gradtop {command} {reference(reader.run, runs_directory(options))} {join(options.changes)}"

