"""One metric of several runs in one chart, and the same as JSON."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.tui.cli import curves
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.plotting import ASCII, FRAME, UNICODE, built, colour_of, frame, sample
from gradtop.tui.reading.metrics import all_metrics
from gradtop.tui.reading.overlay import RunCurve, read_curves
from gradtop.tui.widgets import axis as scale
from gradtop.tui.widgets.ruler import Ruler

if TYPE_CHECKING:
    from gradtop.trainer.record import Run, RunReader
    from gradtop.tui.reading.metrics import RecordedMetric


def runs_and_metrics(runs: Path, first: Run, words: Sequence[str]) -> tuple[list[Run], list[str]]:
    """Which words name runs and which metrics: runs come first, and a metric of one of them is a metric. Raises RecordError."""
    from gradtop.trainer.record import RecordError, RunReader, find_run

    chosen, known = [first], set(all_metrics(RunReader(first)))
    for number, word in enumerate(words):
        if word in known:
            return chosen, list(words[number:])
        try:
            run = find_run(runs, word)
        except RecordError:
            # Whoever reads it as a metric says which there are, unless metrics of these runs follow.
            if known.isdisjoint(words[number + 1 :]):
                return chosen, list(words[number:])
            raise
        if run not in chosen:
            chosen.append(run)
            known |= set(all_metrics(RunReader(run)))
    return chosen, []


def known_metrics(readers: Sequence[RunReader]) -> Mapping[str, RecordedMetric]:
    """The metrics of all runs by name. Raises UsageError where there are none."""
    found: dict[str, RecordedMetric] = {}
    for reader in readers:
        for name, metric in all_metrics(reader).items():
            found.setdefault(name, metric)
    if not found:
        raise UsageError("none of the runs has recorded values yet")
    return found


def read(readers: Sequence[RunReader], metric: str, options: argparse.Namespace, bins: int) -> list[RunCurve]:
    return [each for reader in readers for each in read_curves(reader, [metric], options.by, bins=bins, first=options.first, last=options.last)]


def record(metric: RecordedMetric, found: Sequence[RunCurve], options: argparse.Namespace) -> dict[str, object]:
    """A metric of all runs, for programs."""
    parts = ("x", "x_last", "low", "mean", "high", "finite", "nonfinite")
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "by": options.by,
        "runs": [
            {"id": each.run.id, "name": each.name, "path": each.run.path, "problem": each.problem, "last": each.last}
            | {part: list(getattr(each.series, part)) for part in parts}
            for each in found
        ],
    }


def draw(metric: RecordedMetric, found: Sequence[RunCurve], options: argparse.Namespace, size: tuple[int, int], *, colours: bool, unicode: bool) -> str:
    """A metric of all runs as lines of text: the chart, and below it each run with its line's pattern and its values, or why it has none."""
    import plotext

    width, height = size
    marks = UNICODE if unicode else ASCII
    lows, highs = ([v for each in found for v in getattr(each.series, end) if math.isfinite(v)] for end in ("low", "high"))
    log = options.log and bool(lows) and min(lows) > 0
    title = f"{metric.title} of {len(found)} runs, by {options.by}" if len(found) > 1 else f"{found[0].name}  {metric.title}, by {options.by}"
    lines = [f"{title}{', logarithmic' if log else ''}"]
    if lows:
        up = (scale.logarithmic if log else scale.linear)(min(lows), max(highs), max(2, (height - FRAME) // 2))
        ends = [x for each in found for x in (*each.series.x[:1], *each.series.x_last[-1:])]
        # Its values are seconds already, of which the ticks are to be a clock's.
        along = Ruler(options.by).axis(min(ends), max(ends), width - up.label_width - FRAME)
        frame(plotext, along, up, width, height)
        for number, each in enumerate(found):
            curves.add(plotext, each.series, along, up, marks, number, colour_of(number) if colours else None)
        lines += built(plotext, colours=colours, unicode=unicode)
    for number, each in enumerate(found):
        values = curves.values_of(each.series, each.last if options.last is None else None) if len(each.series.x) else ""
        pattern = sample(plotext, marks, number, colours=colours) if values else "  "
        lines.append(f"{pattern} {each.name}  {'; '.join(filter(None, (values, each.problem)))}")
    return "\n".join(lines)
