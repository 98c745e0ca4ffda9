"""`gradtop check CONFIG [key=value …]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradtop.tui.cli.consent import add_yes, agree_to_file
from gradtop.tui.cli.locate import runs_directory, shown
from gradtop.tui.cli.model import ProgressLine
from gradtop.tui.cli.output import figure, print_json, print_line
from gradtop.tui.cli.start import add_no_server, check_changes

EPILOG = """\
In another process, as a training would: checks the configuration, reads the
data, builds the model, puts a batch through it and takes two steps of a few
samples. Nothing is written, and nothing is compiled. Notes name parameters that
no gradient reaches, and outputs that are probabilities where the loss takes
what is before a softmax or sigmoid.

Memory is that of parameters, gradients and optimizer, and what the backward
pass keeps of a batch, estimated from two small ones; temporary memory comes on
top (gradtop batch-size measures it). Exit code: 0 the configuration can be
trained, 1 it cannot, or something is wrong with it, 2 usage error. JSON:
gradtop help json.

  gradtop check configs/digits.toml
  gradtop check configs/digits.toml training.batch_size=4096 --json
"""
NAMED = 5
INDENT, NARROWEST = 17, 30  # cells before a text, and of one


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Check a configuration: data, shapes, memory, learning rate."
    parser.epilog = EPILOG
    parser.add_argument("config", metavar="CONFIG", help="TOML file, such as configs/digits.toml")
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help="configuration override, such as optimizer.lr=3e-4")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_yes(parser)
    add_no_server(parser)


def run(options: argparse.Namespace) -> int:
    from gradtop.tui.cli.train import config_file

    check_changes(options.changes)
    path = config_file(options.config)
    agree_to_file(path, options)
    found = checked(path, options)
    if options.json:
        print_json({"file": str(path), "ok": not found["problems"], **found})
    else:
        print_check(path, found)
    return 1 if found["problems"] else 0


def checked(path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What was found; with `problems` alone where the configuration cannot be trained."""
    from gradtop.trainer.launch.answers import request_work

    line = ProgressLine()
    question = {"file": str(path.absolute()), "changes": options.changes, "runs": str(runs_directory(options))}
    try:
        return request_work("check", question, server=not options.no_server, progress=line.show)
    except OSError as error:
        return {"problems": str(error).splitlines()}
    finally:
        line.clear()


def print_check(path: Path, found: Mapping[str, Any]) -> None:
    from gradtop.trainer.record import clean

    problems = found["problems"]
    if "model" in found:
        width = max(NARROWEST, shutil.get_terminal_size().columns - INDENT) if sys.stdout.isatty() else 10_000
        for title, text in lines(found):
            for number, line in enumerate(textwrap.wrap(clean(text, 400), width)):
                print_line(f"  {'' if number else title:<15}{line}")
    for problem in problems:
        print_line(f"gradtop: {clean(problem, 1000)}", sys.stderr)
    if not problems:
        print_line(f"{shown(path)} can be trained.")


def lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The titles and texts of the report."""
    from gradtop.trainer.analysis.formatting import number, shape, significant, size

    data, batch, model, frozen, memory = (found[name] for name in ("data", "batch", "model", "frozen", "memory"))
    unit = data["unit"]
    yield "data", f"{data['kind']}: {part_text(data['training'], unit)} for training, {part_text(data['validation'], unit)} for validation"
    if data["targets"]:
        yield "targets", f"{number(data['targets'])} for each sample"
    elif data["classes"]:
        yield "classes", classes_text(data, batch)
    spread = f", mean {figure(batch['mean'])}, std {figure(batch['std'])}" if batch["mean"] is not None else ""
    inputs = f"{batch['structure']}; the first one: " if batch["structure"] else f"{shape(batch['inputs'])} {batch['dtype']}, "
    yield "first batch", f"{inputs}{figure(batch['low'])} to {figure(batch['high'])}{spread}"
    outputs = f"; outputs {shape(model['outputs'])}" if model["outputs"] else ""
    yield "model", f"{model['kind']}: {number(model['parameters'])} parameters, {number(model['trainable'])} train{outputs}"
    yield "frozen", frozen_text(frozen)
    chance = f", {figure(data['chance'])} for the best constant prediction" if data["chance"] is not None else ""
    yield "loss", f"{figure(found['loss']['value'])} with the initial weights{chance}"
    per_epoch = f"{number(found['steps_per_epoch'])} per epoch" if found["steps_per_epoch"] else "no epochs"
    yield "steps", f"{number(found['steps'])}, {per_epoch}, batch size {number(found['batch_size'])}"
    yield "learning rate", ", ".join(f"{significant(each['lr'])} at {number(each['step'])}" for each in some_of(found["lr"]))
    parts = [("parameters", "parameters"), ("gradients", "gradients"), ("optimizer", "optimizer"), ("ema", "EMA"), ("activations", "activations")]
    shares = ", ".join(f"{title} {size(memory[name])}" for name, title in parts if memory[name])
    yield "memory", f"about {size(memory['total'])} of {size(memory['free'])} free on {found['device']}, {found['precision']}"
    yield "", shares
    yield "", f"{size(memory['per_sample'])} for each further sample of a batch"
    for note in found["notes"]:
        yield "note", note


def part_text(samples: int, unit: str) -> str:
    from gradtop.trainer.analysis.formatting import number

    return f"{number(samples)} {unit}" if samples else f"{unit} without a known number"


def some_of(turns: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """All of a few, else the first and the last ones."""
    return turns if len(turns) <= 2 * NAMED else [*turns[:NAMED], *turns[-NAMED:]]


def classes_text(data: Mapping[str, Any], batch: Mapping[str, Any]) -> str:
    from gradtop.trainer.analysis.formatting import number

    counts = [count for count in data["class_counts"] if count]
    each = f", {number(min(counts))} to {number(max(counts))} samples each" if counts and data["kind"] != "text" and not data["sampled"] else ""
    names = data["names"] if data["kind"] != "text" else []
    named = f" ({', '.join(names[:NAMED])}{' …' if len(names) > NAMED else ''})" if names else ""
    return f"{number(data['classes'])}{named}{each}; the first batch has {number(batch['classes'])} of them"


def frozen_text(frozen: Mapping[str, Any]) -> str:
    from gradtop.trainer.analysis.formatting import number

    if not frozen["tensors"]:
        return "nothing"
    names = frozen["names"]
    more = f" and {frozen['tensors'] - NAMED} more" if frozen["tensors"] > NAMED else ""
    until = f" before epoch {frozen['until_epoch']}" if frozen["until_epoch"] else ""
    return f"{number(frozen['parameters'])} parameters{until}: {', '.join(names[:NAMED])}{more}"
