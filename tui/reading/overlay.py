"""Curves of several runs over one quantity: steps, epochs, time since the first recorded step, or time of day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gradtop.trainer.analysis.compare import flat
from gradtop.trainer.analysis.overlay import aligned, mean_and_deviation, seed_families, split_by_settings
from gradtop.trainer.record import EMPTY_SERIES, Run, RunReader, Series, clean
from gradtop.trainer.record.layout import STATUS
from gradtop.trainer.record.streams.registry import ACCURACY, EVALS, LOSS, VAL_LOSS, shown_by
from gradtop.trainer.record.streams.registry import STEPS as STEPS_STREAM
from gradtop.tui.reading.chart_view import NO_CLOCK, WHOLE_RUN, ChartView, Quantity, clock_of
from gradtop.tui.reading.metrics import LONGEST, all_metrics, matching
from gradtop.tui.widgets.ruler import STEPS, Ruler


@dataclass(frozen=True, slots=True)
class RunCurve:
    """A metric of one run and its newest finite value; `problem` says why there is no curve, or what is missing of it."""

    run: Run
    name: str
    metric: str
    series: Series = EMPTY_SERIES
    last: float | None = None
    problem: str = ""


METRICS = (LOSS, VAL_LOSS, ACCURACY)  # that are drawn where no others are asked for
STREAMS = (STEPS_STREAM, EVALS)  # that they are in
BINS = 240


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """Runs of one configuration with different seeds, or one run by itself: of each metric the curves of the runs, and where there are several their mean."""

    runs: tuple[Run, ...]
    name: str
    curves: dict[str, tuple[RunCurve, ...]]
    means: dict[str, Series]

    @property
    def is_family(self) -> bool:
        return len(self.runs) > 1


@dataclass(frozen=True, slots=True)
class OverlayView:
    """What is seen of the curves, what was typed to find metrics, and which of these is the first that is drawn, of so many."""

    seen: ChartView = WHOLE_RUN
    typed: str = ""
    first: int = 0
    count: int = 6


USUAL = OverlayView()


@dataclass(frozen=True, slots=True)
class OverlayPart:
    """`groups` in the order in which their first runs were chosen; `metrics` are drawn, of so many in `total`; `ends` of all that is recorded;
    `any_alive` is whether more may come."""

    groups: tuple[SeedGroup, ...] = ()
    view: OverlayView = USUAL
    metrics: tuple[str, ...] = METRICS
    total: int = len(METRICS)
    ends: tuple[float, float] = (0.0, 1.0)
    any_alive: bool = False


class Overlaid:
    """Runs that are read again and again, each time what is new in them; what has ended is read once for each quantity, and for one window."""

    def __init__(self, runs: Sequence[Run], *, clock: Callable[[], float]) -> None:
        self._readers = {run.id: RunReader(run, clock=clock) for run in runs}
        self._ended: dict[tuple[str, ChartView, tuple[str, ...]], dict[str, RunCurve]] = {}
        self._ends: dict[tuple[str, Quantity], tuple[float, float]] = {}
        self._lasts: dict[tuple[str, str], float | None] = {}

    def read(self, view: OverlayView = USUAL) -> OverlayPart:
        """The curves of all runs in the window of the view, which is in its quantity; in the poll thread."""
        for reader in self._readers.values():
            reader.refresh()
        changed_live = {name for name, reader in self._readers.items() if reader.status.changes}
        found = seed_families({name: reader.meta for name, reader in self._readers.items()}, changed_live)
        settings = {name: flat(self._readers[name].config) for family in found if len(family) > 1 for name in family}
        families = [each for family in found for each in (split_by_settings(family, settings) if len(family) > 1 else [family])]
        names = self._matching(view.typed) if view.typed else METRICS
        metrics = tuple(names[view.first : view.first + view.count])
        self._ended = {key: kept for key, kept in self._ended.items() if key[1].window in {None, view.seen.window} and key[2] in {METRICS, metrics}}
        groups = tuple(self._group([self._readers[name] for name in family], view.seen, metrics) for family in families)
        ends = [each for (_run, quantity), each in self._ends.items() if quantity == view.seen.quantity]
        whole = (min((first for first, _ in ends), default=0.0), max((last for _, last in ends), default=1.0))
        return OverlayPart(groups, view, metrics, len(names), whole, any(reader.state.is_alive for reader in self._readers.values()))

    def _matching(self, typed: str) -> Sequence[str]:
        """The metrics of any of the runs that fit what was typed."""
        return matching(dict.fromkeys(name for reader in self._readers.values() for name in all_metrics(reader)), typed)

    def _group(self, readers: Sequence[RunReader], view: ChartView, metrics: tuple[str, ...]) -> SeedGroup:
        found = [self._curves(reader, view, metrics) for reader in readers]
        curves = {metric: tuple(each[metric] for each in found) for metric in metrics}
        means = {metric: mean_and_deviation([each.series for each in there]) for metric, there in curves.items()} if len(readers) > 1 else {}
        name, others = run_name(readers[0]), len(readers) - 1
        return SeedGroup(tuple(reader.run for reader in readers), f"{name} and {others} other seed{'s' * (others > 1)}" if others else name, curves, means)

    def _curves(self, reader: RunReader, view: ChartView, metrics: tuple[str, ...]) -> dict[str, RunCurve]:
        key = (reader.run.id, view, metrics)
        known = self._ended.pop(key, None)
        if known is None or reader.state.is_alive:
            first, last = self._steps(reader, view)
            streams = STREAMS if metrics == METRICS else ()
            known = {each.metric: each for each in read_curves(reader, metrics, view.quantity, bins=BINS, first=first, last=last, streams=streams)}
            there = [each.series for each in known.values() if len(each.series.x)]
            if view.window is None and there:
                ends = (min(each.first for each in there), max(each.last for each in there))
                before = self._ends.get((reader.run.id, view.quantity), ends)
                self._ends[reader.run.id, view.quantity] = (min(ends[0], before[0]), max(ends[1], before[1]))
                self._lasts.update({(reader.run.id, each.metric): each.last for each in known.values()})
            known = {name: replace(each, last=self._lasts.get((reader.run.id, name), each.last)) for name, each in known.items()}
        if not reader.state.is_alive:
            self._ended[key] = known
        return known

    def _steps(self, reader: RunReader, view: ChartView) -> tuple[float | None, float | None]:
        """The steps of a run that are in the window."""
        if view.window is None:
            return None, None
        ruler, _unknown = ruler_of(reader, view.quantity)
        return ruler.step(view.window.first), ruler.step(view.window.last)


def run_name(reader: RunReader) -> str:
    return clean(reader.meta.name or reader.run.id, 40)


def read_curves(
    reader: RunReader, metrics: Sequence[str], quantity: Quantity, *, bins: int, first: float | None = None, last: float | None = None, streams: Sequence[str] = ()
) -> list[RunCurve]:
    """Read what is new of the metrics and put them over the quantity; `first` and `last` are steps, `streams` those to look in (default: all). Never raises on what a run holds."""
    run, name = reader.run, run_name(reader)
    there = all_metrics(reader, streams)
    ruler, unknown = ruler_of(reader, quantity)
    curves = []
    for metric in metrics:
        if (found := there.get(metric)) is None or unknown:
            curves.append(RunCurve(run, name, metric, problem=unknown if found else why_missing(reader, metric, recorded=bool(there))))
            continue
        series = found.stream.series(found.column, bins=bins, first=first, last=last)
        newest = found.stream.last_finite(found.column) if any(series.finite) else None
        nothing = "" if len(series.x) else found.stream.unavailable(found.column) or "nothing recorded in this range"
        problem = clean("; ".join(filter(None, (nothing, found.stream.unreadable))), LONGEST)
        curves.append(RunCurve(run, name, metric, series if ruler.is_plain else aligned(series, ruler.value), newest[1] if newest is not None else None, problem))
    return curves


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
    if quantity in {"time", "clock"}:
        clock = clock_of(reader, ChartView(quantity=quantity))
        began = clock.began if quantity == "clock" else 0.0
        seconds = tuple(began + each for each in clock.seconds)
        return (Ruler(quantity, clock.steps, seconds), "") if clock is not NO_CLOCK else (STEPS, "the times of its steps are not known")
    return STEPS, ""
