"""`gradtop plot RUN [METRIC …]`."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tui.commands.mistake import Mistake
from tui.commands.output import colours_wanted, say, unicode_wanted
from tui.commands.place import add_run, chosen_run, name_of, opened

if TYPE_CHECKING:
    from trainer.record import RunReader
    from tui.commands.curves import Metric

EPILOG = """\
Metrics: loss, val_loss, accuracy, lr, grad_norm, clipped, samples_per_s, cpu, memory, gpu_use, gpu_memory, gpu_power,
gpu_temperature, and for each parameter grad_norm/NAME and weight_norm/NAME. Each gets a chart; loss and val_loss share
one. The mean of each column of the picture is a line, its lowest and highest values are dots around it.

  gradtop plot last
  gradtop plot last loss grad_norm --log --output curves.txt
"""
HEIGHT = 16
WIDTH = 100
FEWEST = (30, 8)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draw a run's curves on any terminal or into a file."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("metrics", metavar="METRIC", nargs="*", help="what to draw (default: loss and val_loss, then accuracy)")
    parser.add_argument("--log", action="store_true", help="a logarithmic axis, where all values are above zero")
    parser.add_argument("--from", dest="first", type=float, metavar="STEP", help="the first step")
    parser.add_argument("--until", dest="last", type=float, metavar="STEP", help="the last step")
    parser.add_argument("--width", type=int, metavar="N", help="columns (default: those of the terminal, 100 in a file)")
    parser.add_argument("--height", type=int, metavar="N", help=f"lines of each chart (default: {HEIGHT})")
    parser.add_argument("--output", metavar="FILE", help="write into a file, without colours")


def run(options: argparse.Namespace) -> int:
    from tui.commands import curves

    reader = opened(chosen_run(options))
    charts = group([curves.find_metric(reader, name) for name in options.metrics] or default_metrics(reader))
    colours = not options.output and colours_wanted(sys.stdout)
    unicode = bool(options.output) or unicode_wanted(sys.stdout)
    width, height = size(options)
    pictures = [
        curves.draw(name_of(reader), chart, width, height, first=options.first, last=options.last, log=options.log, colours=colours, unicode=unicode)
        for chart in charts
    ]
    text = "\n\n".join(pictures)
    if options.output:
        Path(options.output).expanduser().write_text(text + "\n", encoding="utf-8")
    else:
        say(text)
    return 0


def size(options: argparse.Namespace) -> tuple[int, int]:
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() and not options.output else WIDTH
    width, height = options.width or columns, options.height or HEIGHT
    if width < FEWEST[0] or height < FEWEST[1]:
        raise Mistake(f"a chart needs at least {FEWEST[0]} columns and {FEWEST[1]} lines")
    return width, height


def default_metrics(reader: RunReader) -> list[Metric]:
    """What there is of loss, validation loss and accuracy. Raises Mistake where there is nothing."""
    from tui.commands import curves

    there = curves.all_metrics(reader)
    found = [there[name] for name in ("loss", "val_loss", "accuracy") if name in there]
    if not found:
        raise Mistake(f"{name_of(reader)} has recorded nothing yet")
    return found


def group(metrics: list[Metric]) -> list[list[Metric]]:
    """The charts: one per metric, but that the two losses share one."""
    charts: list[list[Metric]] = []
    for metric in metrics:
        losses = next((chart for chart in charts if {"loss", "val_loss"} == {chart[0].name, metric.name}), None)
        if losses is None:
            charts.append([metric])
        else:
            losses.append(metric)
    return charts
