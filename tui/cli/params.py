"""`gradtop params CONFIG|RUN`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from gradtop.trainer.home import at_home
from gradtop.tui.cli.consent import add_yes
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import chosen_run
from gradtop.tui.cli.model import chosen_model
from gradtop.tui.cli.output import print_json, print_line, table
from gradtop.tui.cli.start import add_no_server

if TYPE_CHECKING:
    from gradtop.trainer.record import Run

EPILOG = """\
For a CONFIG, builds the model in another process; for a RUN, uses the counts
that the worker recorded. A tied weight is counted once, at its first
occurrence. Parameters that could be tied are listed with what that would save:
an embedding and the output layer, layers of the same shape, and in a checkpoint
(--checkpoint) equal values. JSON: gradtop help json.

  gradtop params configs/cifar10_resnet18.toml
  gradtop params configs/digits.toml model.channels=[64,128] --json
"""
NAMED = 4  # parameters of a group that are named
ROW: dict[str, type] = {"name": str, "module": str, "count": int, "trainable": bool, "dtype": str, "bytes": int, "tied_to": str}
MODULE: dict[str, type] = {"path": str, "kind": str, "formula": str, "shape": str}
GROUP: dict[str, type] = {"why": str, "names": list, "bytes": int}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Count model parameters, module by module."
    parser.epilog = EPILOG
    parser.add_argument("what", metavar="CONFIG|RUN", help="TOML file or run")
    parser.add_argument("changes", metavar="KEY=VALUE", nargs="*", help="configuration override, for a CONFIG only")
    parser.add_argument("--checkpoint", metavar="CHECKPOINT", help="of a RUN: last, best, a step, or a file, whose values are compared")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_yes(parser)
    add_no_server(parser)


def run(options: argparse.Namespace) -> int:
    counts = counted(options)
    if options.json:
        print_json(counts)
    else:
        print_counts(counts)
    return 0


def counted(options: argparse.Namespace) -> dict[str, Any]:
    path = at_home(options.what)
    if path.is_file() or (path.suffix == ".toml" and not path.is_dir()):
        from gradtop.tui.cli.start import check_changes
        from gradtop.tui.cli.train import config_file

        if options.checkpoint:
            raise UsageError("--checkpoint belongs to a RUN; leave it out")
        check_changes(options.changes)
        return of_config(config_file(options.what), options.changes, server=not options.no_server)
    if options.changes:
        raise UsageError("overrides need a CONFIG; for a run: gradtop params RUN/run.toml key=value")
    options.run = options.what
    if options.checkpoint:
        return requested(chosen_model(options).arguments, server=not options.no_server)
    return of_run(chosen_run(options), server=not options.no_server)


def of_run(run: Run, *, server: bool) -> dict[str, Any]:
    """From what the worker wrote beside the stream of layers; from run.toml where it wrote nothing of that kind."""
    from gradtop.trainer.record import StreamReader, read_status
    from gradtop.trainer.record.streams.registry import LAYERS

    stream = StreamReader(run, LAYERS)
    stream.refresh()
    rows = stream.extra.get("parameters")
    modules = stream.extra.get("modules")
    if not (is_table(rows, ROW) and rows and is_table(modules, MODULE)):
        return requested({"run": str(run.path)}, server=server)
    own = [row for row in rows if not row["tied_to"]]
    return {
        "model": read_status(run).model or stream.extra.get("model", ""),
        "total": sum(row["count"] for row in own),
        "trainable": sum(row["count"] for row in own if row["trainable"]),
        "bytes": sum(row["bytes"] for row in own),
        "rows": rows,
        "modules": modules,
        "masked": read_status(run).masked,
        "quantized": "",
        "could_tie": groups if is_table(groups := stream.extra.get("could_tie"), GROUP) else [],
    }


def is_table(found: object, kinds: Mapping[str, type]) -> TypeGuard[list[dict[str, Any]]]:
    """Whether these are rows with at least these cells: a run's files may hold anything."""
    return isinstance(found, list) and all(
        isinstance(row, dict) and all(isinstance(row.get(key), kind) for key, kind in kinds.items()) for row in found
    )


def of_config(path: Path, changes: Sequence[str], *, server: bool) -> dict[str, Any]:
    """From the model itself."""
    return requested({"file": str(path), "changes": list(changes)}, server=server)


def requested(question: dict[str, Any], *, server: bool) -> dict[str, Any]:
    """Of another process, which builds the model: this one never imports PyTorch. Raises UsageError where it cannot be built."""
    from gradtop.trainer.launch.answers import request_answer

    try:
        found = request_answer("parameters", question, server=server)
    except OSError as error:
        raise UsageError(str(error)) from error
    found["rows"] = found.pop("parameters")
    return found


def print_counts(counts: Mapping[str, Any]) -> None:
    from gradtop.trainer.analysis.formatting import number, percent, size
    from gradtop.trainer.record import clean

    total = counts["total"]
    rows = list(counts["rows"])
    about = {module["path"]: module for module in counts.get("modules", ())}
    lines = []
    for path in dict.fromkeys(row["module"] for row in rows):
        own = [row for row in rows if row["module"] == path and not row["tied_to"]]
        parameters = sum(row["count"] for row in own)
        module = about.get(path, {})
        tied = [f"tied to {row['tied_to']}" for row in rows if row["module"] == path and row["tied_to"]]
        lines.append(
            (
                clean(path or "(model)", 80),
                clean(str(module.get("kind", "")), 40),
                clean(str(module.get("shape", "")), 40),
                clean(str(module.get("formula", "")), 60) or ", ".join(tied),
                number(parameters),
                percent(parameters / total, 1) if total else "–",
                "yes" if all(row["trainable"] for row in own) else "no" if not any(row["trainable"] for row in own) else "partly",
                clean(", ".join(dict.fromkeys(row["dtype"] for row in own)), 40),
                size(sum(row["bytes"] for row in own)),
            )
        )
    titles = ("module", "kind", "shape", "formula", "parameters", "share", "trains", "dtype", "bytes")
    for line in table(titles, lines, right=("parameters", "share", "bytes")):
        print_line(line)
    trainable, saved = counts["trainable"], sum(row["bytes"] for row in rows if row["tied_to"])
    print_line()
    print_line(
        f"total {number(total)} · trainable {number(trainable)} · frozen {number(total - trainable)} · "
        f"tied {sum(bool(row['tied_to']) for row in rows)}{f' (saves {size(saved)})' if saved else ''} · {size(counts['bytes'])}"
    )
    if masked := counts["masked"]:
        print_line(f"a pruning mask keeps {number(masked)} of them at zero ({percent(masked / total, 1) if total else '–'})")
    if method := clean(str(counts["quantized"]), 60):
        print_line(f"quantized ({method}): the checkpoint holds integers; dtype and bytes are those of the float weights that the model computes with")
    for line in could_tie(counts["could_tie"]):
        print_line(line)


def could_tie(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of what could be tied; no line where nothing could."""
    from gradtop.trainer.analysis.formatting import size
    from gradtop.trainer.record import clean

    lines = []
    for group in groups:
        names = [clean(str(name), 80) for name in group["names"]]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        lines.append((clean(group["why"], 40), size(group["bytes"]), f"{', '.join(names[:NAMED])}{more}"))
    return ["", *table(("could be tied", "saves", "parameters"), lines, right=("saves",))] if lines else []
