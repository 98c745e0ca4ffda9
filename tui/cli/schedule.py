"""`gradtop schedule CONFIG|RUN [key=value …]`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gradtop.trainer.home import at_home
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import chosen_run, name_of, opened, shown
from gradtop.tui.cli.output import colours_wanted, figure, print_json, print_line, unicode_wanted
from gradtop.tui.cli.plot import HEIGHT, terminal_size
from gradtop.tui.cli.start import add_no_server, check_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradtop.trainer.launch.lr_preview import Planned

EPILOG = """\
Steps the same scheduler as the training, from the first to the last step;
plateau depends on the evaluations and is shown without drops. Steps per
epoch are taken from the data, a run that has trained, or --steps-per-epoch.
JSON: gradtop help json.

  gradtop schedule configs/digits.toml schedule.kind=one_cycle lr=3e-3
  gradtop schedule last schedule.warmup_epochs=2 --against last
"""
MANY_TURNS = 12
POINTS_PER_COLUMN = 4  # of the picture, whose columns are two dots wide


@dataclass(frozen=True)
class PlanRequest:
    """What a learning rate is planned for."""

    name: str
    question: Mapping[str, Any]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Plot the learning-rate schedule of a configuration."
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="CONFIG|RUN", help="TOML file or run")
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help="configuration override, such as schedule.kind=wsd")
    parser.add_argument("--against", metavar="CONFIG|RUN", help="plot a second one for comparison, without the overrides")
    parser.add_argument("--steps-per-epoch", type=int, default=0, metavar="N", help="for data whose size is unknown until it is loaded")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_no_server(parser)


def run(options: argparse.Namespace) -> int:
    from gradtop.trainer.launch.answers import ConfigurationRefused, request_answer
    from gradtop.trainer.launch.lr_preview import request_plan

    check_changes(options.changes)
    if options.steps_per_epoch < 0:
        raise UsageError("--steps-per-epoch must be at least 1")
    wanted = [parsed_request(options, options.run, options.changes)]
    wanted += [parsed_request(options, options.against, ())] if options.against else []
    request = partial(request_answer, server=not options.no_server, meanwhile=(lambda: None) if options.json else import_drawing)
    plans = [(each, request_plan(request, each.question)) for each in wanted]
    for each, plan in plans:
        if plan.invalid:
            raise ConfigurationRefused(plan.problem)
        if plan.problem:
            hint = "; use --steps-per-epoch N" if plan.lacks_length else ""
            raise UsageError(f"{each.name}: {plan.problem}{hint}")
    if options.json:
        first, *others = [record(each, plan) for each, plan in plans]
        print_json({**first, **({"against": others[0]} if others else {})})
    else:
        draw(plans)
    return 0


def parsed_request(options: argparse.Namespace, word: str, changes: tuple[str, ...] | list[str]) -> PlanRequest:
    """A file where there is one of that name, else a run. Raises UsageError or RecordError."""
    from gradtop.tui.cli.train import config_file

    question = {"changes": list(changes), "steps_per_epoch": options.steps_per_epoch}
    if not options.json:
        question["points"] = POINTS_PER_COLUMN * terminal_size()[0]
    path = at_home(word)
    if path.is_file() or path.suffix == ".toml":
        file = config_file(word)
        return PlanRequest(shown(file), question | {"file": str(file)})
    reader = opened(chosen_run(argparse.Namespace(runs=options.runs, run=word)))
    return PlanRequest(name_of(reader), question | {"run": str(reader.run.path.absolute())})


def record(each: PlanRequest, plan: Planned) -> dict[str, object]:
    return {
        "name": each.name,
        "steps": plan.steps,
        "steps_per_epoch": plan.steps_per_epoch,
        "points": [{"step": step, "lr": lr} for step, lr in plan.points],
        "turns": list(plan.turns),
    }


def import_drawing() -> None:
    """What `draw` needs, which takes as long to import as the server to answer."""
    import plotext  # noqa: F401

    from gradtop.trainer.analysis import formatting  # noqa: F401
    from gradtop.tui import plotting  # noqa: F401


def draw(plans: list[tuple[PlanRequest, Planned]]) -> None:
    from gradtop.trainer.analysis.formatting import number
    from gradtop.tui.plotting import picture

    colours, unicode = colours_wanted(sys.stdout), unicode_wanted(sys.stdout)
    lines, samples = picture([plan.points for _, plan in plans], terminal_size()[0], HEIGHT, colours=colours, unicode=unicode)
    print_line("learning rate")
    for line in lines:
        print_line(line)
    for sample, (each, plan) in zip(samples, plans, strict=True):
        print_line(f"{sample} {each.name}  {number(plan.steps)} steps, {epochs_text(plan.steps, plan.steps_per_epoch)}")
        rates = dict(plan.points)
        turning_points = [1, *plan.turns, plan.steps]
        few = turning_points if len(turning_points) <= MANY_TURNS else [*turning_points[: MANY_TURNS - 1], turning_points[-1]]
        rates_text = [f"{figure(rates[step])} at {number(step)}" for step in dict.fromkeys(few) if step in rates]
        print_line(f"  {', '.join(rates_text)}{f' ({len(turning_points) - len(few)} more turning points)' if len(few) < len(turning_points) else ''}")


def epochs_text(steps: int, per_epoch: int) -> str:
    """2 epochs of 45 and 10 steps"""
    from gradtop.trainer.analysis.formatting import number

    whole, rest = divmod(steps, per_epoch)
    if not whole:
        return f"part of an epoch of {number(per_epoch)}"
    more = f" and {number(rest)} step{'s' if rest > 1 else ''}" if rest else ""
    return f"{number(whole)} epoch{'s' if whole > 1 else ''} of {number(per_epoch)}{more}"
