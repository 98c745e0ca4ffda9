"""`gradtop set RUN KEY=VALUE …`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gradtop.tui.cli.control import add_timeout, ask, require_alive
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, opened, reference, runs_directory
from gradtop.tui.cli.output import say
from gradtop.tui.cli.start import check_changes

if TYPE_CHECKING:
    from gradtop.trainer.record import RunReader

EPILOG = """\
Takes effect at the next step. What can be changed: learning rate, weight
decay, momentum, betas and the like, clipping, dropout, label smoothing,
augmentation, epochs or steps, early stopping, checkpoints, and what is frozen
by name. It is recorded among the run's events and in its checkpoints; its
run.toml stays. What takes a fork or a restart is said, with the command.

A new learning rate scales the whole schedule, so that it keeps its shape;
--replace ends the schedule: the learning rate is constant from then on. Exit
code: 0 it was done, 1 no answer came, 2 the run cannot do this now.

  gradtop set last lr=3e-4
  gradtop set last lr=3e-4 training.clip=1 --replace
  gradtop set last freeze.kind=pattern 'freeze.patterns=conv1.*'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Change hyperparameters of a running run."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="+", help="lr=3e-4, or the dotted path: optimizer.lr=3e-4")
    parser.add_argument("--replace", action="store_true", help="with a learning rate: the schedule ends, and the rate is constant")
    add_timeout(parser)


def run(options: argparse.Namespace) -> int:
    check_changes(options.changes)
    reader = opened(chosen_run(options))
    require_alive(reader, options, "set")
    changes = parsed(reader, options)
    if options.replace and "optimizer.lr" not in changes:
        raise UsageError("--replace is for a new learning rate: give one, as in lr=3e-4")
    if options.replace:
        changes["schedule.kind"] = "constant"
    code = ask(options, "set", changes=changes)
    if code == 0 and "optimizer.lr" in changes:
        say("The schedule has ended: the learning rate is constant." if options.replace else "The whole schedule is scaled with it.")
    return code


def parsed(reader: RunReader, options: argparse.Namespace) -> dict[str, object]:
    """Full keys and values, checked against the declarations. Raises UsageError or ConfigProblems; the worker has the last word."""
    from gradtop.trainer.config import LIVE_KINDS, ConfigProblems, Problem, apply_overrides, find_spec, to_tables
    from gradtop.trainer.config.override import full_key
    from gradtop.tui.cli.configuration import effective_config

    old = effective_config(reader.run)
    # Kinds first, whatever the order: they decide what the other keys mean.
    words = sorted(options.changes, key=lambda word: not word.partition("=")[0].strip().endswith("kind"))
    new = to_tables(apply_overrides(old, words))
    kinds = {name: str(table.get("kind", "")) for name, table in new.items()}
    changes: dict[str, object] = {}
    problems = []
    for word in words:
        key = full_key(word.partition("=")[0].strip(), kinds)
        table, _, name = key.partition(".")
        value = new[table][name]
        spec = find_spec(key, kinds[table])
        effect = spec.effect if spec is not None else "restart"
        if effect == "live" or value in LIVE_KINDS.get(key, ()):
            changes[key] = value
        else:
            problems.append(Problem("", key, f"cannot change while a run trains: it takes a {effect}", instead(reader, options, effect)))
    if problems:
        raise ConfigProblems(problems)
    return changes


def instead(reader: RunReader, options: argparse.Namespace, effect: str) -> str:
    from shlex import join

    command = "fork" if effect == "fork" else "rerun"
    return f"gradtop {command} {reference(reader.run, runs_directory(options))} {join(options.changes)}"

