"""Curves of several runs over one quantity: steps, epochs or time since the first recorded step."""

from __future__ import annotations

from dataclasses import dataclass

from gradtop.trainer.analysis.overlay import aligned
from gradtop.trainer.record import EMPTY_SERIES, Run, RunReader, Series, clean
from gradtop.trainer.record.layout import STATUS
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.reading.chart_view import NO_CLOCK, ChartView, Quantity, clock_of
from gradtop.tui.reading.metrics import LONGEST, all_metrics
from gradtop.tui.widgets.ruler import STEPS, Ruler


@dataclass(frozen=True, slots=True)
class RunCurve:
    """A metric of one run and its newest finite value; `problem` says why there is no curve, or what is missing of it."""

    run: Run
    name: str
    series: Series = EMPTY_SERIES
    last: float | None = None
    problem: str = ""


def run_name(reader: RunReader) -> str:
    return clean(reader.meta.name or reader.run.id, 40)


def read_curve(
    reader: RunReader, metric: str, quantity: Quantity, *, bins: int, first: float | None = None, last: float | None = None
) -> RunCurve:
    """Read what is new of the metric and put it over the quantity; `first` and `last` are steps. Never raises on what a run holds."""
    run, name = reader.run, run_name(reader)
    there = all_metrics(reader)
    if (found := there.get(metric)) is None:
        return RunCurve(run, name, problem=why_missing(reader, metric, recorded=bool(there)))
    ruler, problem = ruler_of(reader, quantity)
    if problem:
        return RunCurve(run, name, problem=problem)
    series = found.stream.series(found.column, bins=bins, first=first, last=last)
    newest = found.stream.last_finite(found.column) if any(series.finite) else None
    nothing = "" if len(series.x) else found.stream.unavailable(found.column) or "nothing recorded in this range"
    problem = clean("; ".join(filter(None, (nothing, found.stream.unreadable))), LONGEST)
    return RunCurve(run, name, series if ruler.is_plain else aligned(series, ruler.value), newest[1] if newest is not None else None, problem)


def why_missing(reader: RunReader, metric: str, *, recorded: bool) -> str:
    """Why a run has no such metric."""
    if not reader.run.path.is_dir():
        return "the run was deleted"
    unreadable = "; ".join(stream.unreadable for name in shown_by("plot") for stream in reader.ranks(name) if stream.unreadable)
    return clean(unreadable, LONGEST) or (f"has recorded no {metric}" if recorded else "has recorded nothing yet")


def ruler_of(reader: RunReader, quantity: Quantity) -> tuple[Ruler, str]:
    """The quantity over the steps of a run, or why it is not known."""
    if quantity == "epoch":
        if per_epoch := reader.status.steps_per_epoch:
            return Ruler("epoch", (0.0, float(per_epoch)), (0.0, 1.0)), ""
        return STEPS, clean(reader.problems.get(STATUS, ""), LONGEST) or "its steps per epoch are not known"
    if quantity == "time":
        clock = clock_of(reader, ChartView(quantity="time"))
        return (Ruler("time", clock.steps, clock.seconds), "") if clock is not NO_CLOCK else (STEPS, "the times of its steps are not known")
    return STEPS, ""
