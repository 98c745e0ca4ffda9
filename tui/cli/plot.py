"""`gradtop plot RUN [RUN …] [METRIC …]`."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from gradtop.trainer.home import at_home
from gradtop.trainer.metrics import headline_of
from gradtop.trainer.record.streams.registry import LOSS, VAL_LOSS
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, name_of, opened, runs_directory, shown
from gradtop.tui.cli.output import colours_wanted, json_text, print_line, unicode_wanted

if TYPE_CHECKING:
    from gradtop.trainer.record import RunReader
    from gradtop.tui.reading.metrics import RecordedMetric

EPILOG = """\
Metrics: loss, val_loss, accuracy, lr, grad_norm, clipped, samples_per_s,
loading, plain_loss, cpu, memory, gpu_use, gpu_memory, gpu_power,
gpu_temperature, for each parameter grad_norm/NAME, weight_norm/NAME and
update_ratio/NAME, and for each module std/NAME, dead/NAME and saturated/NAME of
its output; cpu@1 is cpu of rank 1.
Each gets a chart; loss and val_loss share one. The line is the mean per column,
dots show minimum and maximum; a cross at the bottom marks non-finite values.

Several runs share one chart per metric, each with its own color and pattern,
in the order given; a run that lacks the metric or cannot be read is named
below it.
--by draws over steps, epochs, the time since a run's first recorded step, or
the time of day (clock).

  gradtop plot last
  gradtop plot last loss grad_norm --log --output curves.txt
  gradtop plot quiet-heron brave-otter val_loss --by epoch
"""
HEIGHT = 16
WIDTH = 100
FEWEST = (30, 8)
MOST = 1000
MOST_TEXT = 1 << 26  # characters of a file


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Plot curves of one run or several in any terminal or into a file."
    parser.epilog = EPILOG
    add_run(parser)
    parser.add_argument("words", metavar="RUN|METRIC", nargs="*", help="further runs, then metrics to plot (default: loss, val_loss and accuracy, of a regression r2)")
    parser.add_argument("--by", choices=("step", "epoch", "time", "clock"), default="step", help="quantity of the horizontal axis (default: step)")
    parser.add_argument("--log", action="store_true", help="logarithmic axis if all values are positive")
    parser.add_argument("--from", dest="first", type=float, metavar="STEP", help="first step")
    parser.add_argument("--until", dest="last", type=float, metavar="STEP", help="last step")
    parser.add_argument("--width", type=int, metavar="N", help="width in columns (default: terminal width; 100 in a file)")
    parser.add_argument("--height", type=int, metavar="N", help=f"height of each chart in lines (default: {HEIGHT})")
    parser.add_argument("--output", metavar="FILE", help="write to a file, without colors")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    from gradtop.tui.cli.overlay import runs_and_metrics

    first = chosen_run(options)
    runs, options.metrics = runs_and_metrics(runs_directory(options), first, options.words)
    readers = [opened(run) for run in runs]
    reader = readers[0]
    if options.json:
        write(json_of(readers, options), options)
        return 0
    draw = drawing_of(reader)
    colours = not options.output and colours_wanted(sys.stdout)
    unicode = bool(options.output) or unicode_wanted(sys.stdout)
    if len(readers) > 1 or options.by != "step":
        text = "\n\n".join(overlays(readers, options, colours=colours, unicode=unicode))
    elif draw is not None and not options.metrics:
        text = draw(reader, *size(options), colours=colours, unicode=unicode)
    else:
        text = "\n\n".join(plots(reader, options, colours=colours, unicode=unicode))
    write(text, options)
    return 0


def write(text: str, options: argparse.Namespace) -> None:
    """Print the text, or write it to the file asked for."""
    if not options.output:
        print_line(text)
        return
    from gradtop.trainer.record import clean

    path = at_home(options.output)
    path.write_text(clean(text, MOST_TEXT, keep_newlines=True) + "\n", encoding="utf-8")
    print_line(shown(path))


def overlays(readers: Sequence[RunReader], options: argparse.Namespace, *, colours: bool, unicode: bool) -> list[str]:
    """A chart of all runs for each metric. Raises UsageError."""
    from gradtop.tui.cli import overlay

    return [
        overlay.draw(metric, overlay.read(readers, metric.name, options, 2 * size(options)[0]), options, size(options), colours=colours, unicode=unicode)
        for metric in wanted_of(readers, options)
    ]


def json_of(readers: Sequence[RunReader], options: argparse.Namespace) -> str:
    """What is drawn of all runs, for programs. Raises UsageError."""
    from gradtop.tui.cli import overlay

    bins = 2 * size(options)[0]
    return json_text([overlay.record(metric, overlay.read(readers, metric.name, options, bins), options) for metric in wanted_of(readers, options)])


def wanted_of(readers: Sequence[RunReader], options: argparse.Namespace) -> list[RecordedMetric]:
    """The metrics asked for, else the usual ones. Raises UsageError."""
    from gradtop.tui.cli import curves, overlay

    there = overlay.known_metrics(readers)
    return [curves.find_metric(there, name) for name in dict.fromkeys(options.metrics)] or usual(there, readers[0])


def plots(reader: RunReader, options: argparse.Namespace, *, colours: bool, unicode: bool) -> list[str]:
    """A chart over steps for each metric. Raises UsageError."""
    from gradtop.tui.cli import curves
    from gradtop.tui.cli.show import unreadable
    from gradtop.tui.reading.metrics import all_metrics

    there = all_metrics(reader)
    if not there:
        why = "; ".join(unreadable(reader).values())
        raise UsageError(f"{name_of(reader)} has {f'no values that can be read: {why}' if why else 'no recorded values yet'}")
    wanted = [curves.find_metric(there, name) for name in dict.fromkeys(options.metrics)] or usual(there, reader)
    width, height = size(options)
    return [
        curves.draw(name_of(reader), chart, width, height, first=options.first, last=options.last, log=options.log, colours=colours, unicode=unicode)
        for chart in group(wanted)
    ]


class Drawing(Protocol):
    def __call__(self, reader: RunReader, width: int, height: int, /, *, colours: bool, unicode: bool) -> str:
        """The result of a run as lines of text."""


def drawing_of(reader: RunReader) -> Drawing | None:
    """What draws the result of the run's job: `draw` in the `plot.py` of its screen's room; None for a job without one."""
    from importlib import import_module
    from importlib.util import find_spec

    from gradtop.trainer.job import job_names

    module = f"gradtop.tui.screens.{reader.meta.job}.plot"
    if reader.meta.job not in job_names() or find_spec(f"gradtop.tui.screens.{reader.meta.job}") is None or find_spec(module) is None:
        return None
    draw: Drawing = import_module(module).draw
    return draw


def terminal_size() -> tuple[int, int]:
    """Columns and lines of a chart where the command has no options for them."""
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    return max(columns, FEWEST[0]), HEIGHT


def size(options: argparse.Namespace) -> tuple[int, int]:
    columns = WIDTH if options.output else terminal_size()[0]
    width = columns if options.width is None else options.width
    height = HEIGHT if options.height is None else options.height
    if not (FEWEST[0] <= width <= MOST and FEWEST[1] <= height <= MOST):
        raise UsageError(f"width must be {FEWEST[0]} to {MOST} columns, height {FEWEST[1]} to {MOST} lines")
    return width, height


def usual(there: Mapping[str, RecordedMetric], reader: RunReader) -> list[RecordedMetric]:
    """What there is of loss, validation loss and the metric beside it, the accuracy for one; else the first there is. The run says which metric that is."""
    beside = reader.status.headline if reader.status.headline in there else headline_of(there)
    return [there[name] for name in dict.fromkeys((LOSS, VAL_LOSS, beside)) if name in there] or list(there.values())[:1]


def group(metrics: list[RecordedMetric]) -> list[list[RecordedMetric]]:
    """The charts: one per metric, but that the two losses share one."""
    charts: list[list[RecordedMetric]] = []
    for metric in metrics:
        losses = next((chart for chart in charts if {LOSS, VAL_LOSS} == {chart[0].name, metric.name}), None)
        if losses is None:
            charts.append([metric])
        else:
            losses.append(metric)
    return charts
