"""`gradtop lineage RUN`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gradtop.tui.cli.locate import add_run, chosen_run
from gradtop.tui.cli.output import print_json, print_line, toned

if TYPE_CHECKING:
    from gradtop.trainer.record import Meta, Run, RunState, Status

EPILOG = """\
Shows the whole family tree, from the earliest ancestor that still exists to all
forks and reruns; RUN is marked. Each branch shows the changes, the checkpoint
of a fork, the best value of training.monitor, and the accuracy at it.

The JSON is a list, parents first, of objects with the keys id, name, state,
parent (an id), checkpoint (a file of the parent's), changes (key, old, new),
monitor, best, best_val_loss, accuracy_at_best, best_val_accuracy, step, chosen
and unreadable (why its status.json cannot be read, or "").

  gradtop lineage last
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show ancestors and descendants of a run."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    chosen = chosen_run(options)
    relatives = family(chosen)
    if options.json:
        print_json([record(one, meta, chosen) for one, meta, _ in relatives])
        return 0
    there = {one.id for one, _, _ in relatives}
    for one, meta, before in relatives:
        print_line(line(one, before, meta, chosen, parent_there=meta.parent in there))
    return 0


def family(chosen: Run) -> list[tuple[Run, Meta, str]]:
    """The run's family, parents first, the eldest first; each with what is drawn before it."""
    from gradtop.trainer.analysis.lineage import branch, families
    from gradtop.trainer.record import list_runs, read_meta

    metas = {one: read_meta(one) for one in {*list_runs(chosen.path.parent), chosen}}
    by_id = {one.id: one for one in sorted(metas, key=lambda one: (metas[one].created, one.id))}
    trees = families({name: metas[one].parent for name, one in by_id.items()})
    found = next(tree for tree in trees if any(name == chosen.id for name, _ in tree))
    return [(by_id[name], metas[by_id[name]], branch(place, width=3)) for name, place in found]


def line(one: Run, branch: str, meta: Meta, chosen: Run, *, parent_there: bool) -> str:

    from gradtop.trainer.analysis.text import metric_text, stopped_early_text
    from gradtop.trainer.record import clean
    from gradtop.tui.framework import states

    status, state, why = standing(one)
    name = clean(meta.name or one.id, 40)
    best = f"  best {metric_text(status.monitor, status.best)}{at_best(status)}" if status.best is not None else ""
    early = stopped_early_text(status._replace(state=state))
    words = [f"{branch}{toned(f'{states.symbol(state)} {name}', states.tone(state))}{' ◄' if one == chosen else ''}  {early or state}{best}"]
    if how := begins(meta, parent_there=parent_there):
        words.append(how)
    if why:
        words.append(clean(why, 400))
    return "  ".join(words)


def at_best(status: Status) -> str:
    """What stands beside the loss of the best evaluation, the accuracy for one, where another metric says which that is."""
    from gradtop.trainer.analysis.text import metric_text

    name = status.beside_loss
    value = status.metric_at_best(name)
    return f", {metric_text(name, value)}" if status.monitor != name and value is not None else ""


def begins(meta: Meta, *, parent_there: bool = True) -> str:
    """How a run differs from its parent, which is named where it is not drawn: "fork of step-000450: lr 1e-3 → 3e-4"."""
    from gradtop.trainer.analysis.text import changes_text
    from gradtop.trainer.record import clean

    if not meta.parent:
        return ""
    way = f"fork of {meta.parent_checkpoint.removesuffix('.pt')}" if meta.parent_checkpoint else "from the start"
    if not parent_there:
        way += f"{'' if meta.parent_checkpoint else ', as'} of {meta.parent}, which is missing"
    return clean(f"({way}: {changes_text(meta.changes) or 'no change'})", 400)


def standing(one: Run) -> tuple[Status, RunState, str]:
    """Status, state, and why the status cannot be read."""
    import time

    from gradtop.trainer.record import derive_state
    from gradtop.trainer.record.status import examine_status

    status, why = examine_status(one)
    return status, derive_state(status, now=time.time()), why


def record(one: Run, meta: Meta, chosen: Run) -> dict[str, object]:
    status, state, why = standing(one)
    return {
        "id": one.id,
        "name": meta.name,
        "state": state,
        "parent": meta.parent,
        "checkpoint": meta.parent_checkpoint,
        "changes": [{"key": change.key, "old": change.old, "new": change.new} for change in meta.changes],
        "monitor": status.monitor,
        "best": status.best,
        "best_val_loss": status.best_val_loss,
        "accuracy_at_best": status.accuracy_at_best,
        "best_val_accuracy": status.best_val_accuracy,
        "step": status.step,
        "chosen": one == chosen,
        "unreadable": why,
    }
