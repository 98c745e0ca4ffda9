"""Everything that reads a run, as commands and screens call it."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from pathlib import Path

from gradtop.trainer.analysis.cleaning import Selection, select
from gradtop.trainer.analysis.compare import compare
from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.analysis.profile_text import profile_lines
from gradtop.trainer.config import ConfigProblems
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.launch.run_config import effective_config
from gradtop.trainer.record import (
    EventReader,
    Inbox,
    RecordError,
    Run,
    RunReader,
    find_run,
    list_ranks,
    list_runs,
    list_streams,
    queued_runs,
    read_leases,
)
from gradtop.trainer.record.classification import read_classification
from gradtop.trainer.record.data_facts import read_data_facts
from gradtop.trainer.record.export import export_run
from gradtop.trainer.record.pictures import ALL_CHANNELS, PictureKind, Wanted
from gradtop.trainer.record.streams.registry import REGISTRY
from gradtop.tui.cli import curves, events, lineage, ls, show, wait
from gradtop.tui.cli.conditions import parse_condition
from gradtop.tui.cli.follow import Follower
from gradtop.tui.cli.logs import print_log
from gradtop.tui.cli.output import print_json
from gradtop.tui.cli.plot import drawing_of, usual
from gradtop.tui.dialogs.compare import composed
from gradtop.tui.reading.chart_view import OF_SEVERAL_RUNS, ChartView, Window
from gradtop.tui.reading.facts import WatchedRun
from gradtop.tui.reading.log import LogTail
from gradtop.tui.reading.metrics import all_metrics
from gradtop.tui.reading.overlay import Overlaid, OverlayView
from gradtop.tui.reading.poll import ReadContext
from gradtop.tui.screens.classes.data import ClassesPart, shares
from gradtop.tui.screens.classes.text import class_lines, copied, matrix_lines, title_line, worst_lines
from gradtop.tui.screens.gradients.data import GradientsView, read_gradients
from gradtop.tui.screens.init_comparison.data import read_inits
from gradtop.tui.screens.init_comparison.text import conclusion, init_rows
from gradtop.tui.screens.lr_range.data import read_range
from gradtop.tui.screens.metrics.data import MetricsView, read_metrics
from gradtop.tui.screens.overview.data import read_overview
from gradtop.tui.screens.parameters.data import matching_rows, open_at_first, read_parameters, visible
from gradtop.tui.screens.profile.data import profile_news, read_profiles
from gradtop.tui.screens.profile.text import (
    cells_of,
    costs_of,
    detail_line,
    module_columns,
    news_line,
    operator_columns,
    phase_lines,
    profiled_line,
    sorted_rows,
    trace_line,
)
from gradtop.tui.screens.runs.columns import USUAL as COLUMNS
from gradtop.tui.screens.runs.data import read_runs
from gradtop.tui.screens.runs.text import about, run_cells
from gradtop.tui.screens.schedule.data import read_schedule
from gradtop.tui.screens.sensitivity.data import ranked_effects, read_sensitivity
from gradtop.tui.screens.sensitivity.pair_map import draw_map
from gradtop.tui.screens.sensitivity.text import effect_in_full, effect_rows, importance_rows, summary_rows, value_rows
from gradtop.tui.screens.speed.data import read_speeds
from gradtop.tui.screens.speed.text import in_full
from gradtop.tui.screens.speed.text import rows as speed_rows
from gradtop.tui.screens.system.data import read_system
from gradtop.tui.screens.system.text import gpu_lines, host_lines, monitoring_lines, run_lines
from gradtop.tui.screens.tune.data import read_tune
from gradtop.tui.screens.weights.data import WeightsView, movement, read_weights, span
from gradtop.tui.screens.weights.pictures import heat, picture_title, why_none
from gradtop.tui.widgets.binning import rebinned
from gradtop.tui.widgets.cells import Cells

PARAMETER = "head.weight"
PICTURES = (
    Wanted("block1.conv.weight", PictureKind.KERNELS, 1, 2),
    Wanted("block1.conv.weight", PictureKind.KERNELS, 0, ALL_CHANNELS),
    Wanted(PARAMETER, PictureKind.MAX, height=4, width=8),
)
EVERYTHING = ChartView(Window(1.0, 500.0), "time")


class Screen:
    """The poll thread's side of a screen that watches a run; `read` may be called again when the files have changed."""

    def __init__(self, run: Run) -> None:
        self._watch = WatchedRun(run)
        self._source = ReadContext(run.path.parent, time.time)
        self._log = LogTail(run)

    def read(self) -> Iterator[Callable[[], object]]:
        source = self._source
        source.facts = self._watch.read()
        source.run = reader = self._watch.reader
        for name in REGISTRY:
            reader.stream(name).refresh()
        yield lambda: read_overview(source, EVERYTHING)
        yield lambda: read_gradients(source, GradientsView(PARAMETER))
        yield lambda: self._weights(source)
        for wanted in PICTURES:
            yield lambda wanted=wanted: self._picture(source, wanted)  # type: ignore[misc]
        yield lambda: self._system(source)
        yield lambda: read_schedule(source, EVERYTHING)
        yield lambda: read_metrics(source, MetricsView(EVERYTHING, "o", 0, 12))
        yield lambda: self._parameters(source)
        yield lambda: read_range(source, None)
        yield lambda: self._profiles(source)
        yield lambda: self._speeds(source)
        yield lambda: self._inits(source)
        yield lambda: self._sensitivity(source)
        yield lambda: read_tune(source, None)
        yield lambda: self._runs(source)
        yield self._log.read

    @staticmethod
    def _weights(source: ReadContext) -> None:
        part = read_weights(source, WeightsView(PARAMETER))
        if part.now is None:
            return
        histograms = [*part.earlier, part.now]
        if (found := span(histograms)) is not None:
            for each in histograms:
                rebinned(each, *found, 40)
        movement(histograms[0], part.now)

    @staticmethod
    def _picture(source: ReadContext, wanted: Wanted) -> None:
        part = read_weights(source, WeightsView(wanted.parameter, wanted)).picture
        if part is None:
            return
        picture_title(part.wanted, part.shape)
        if not why_none(part.wanted, part.shape) and part.shown is not None:
            heat(part.shown, part.wanted, part.shape)

    @staticmethod
    def _system(source: ReadContext) -> None:
        part = read_system(source, EVERYTHING)
        for each in (part, replace(part, here=True, has_gpu=True)):
            run_lines(each, source.facts)
            host_lines(each, source.facts)
            gpu_lines(each)
            monitoring_lines(each)

    @staticmethod
    def _inits(source: ReadContext) -> None:
        part = read_inits(source, None)
        list(init_rows(part, 0, ["-"]))
        conclusion(part)

    @staticmethod
    def _profiles(source: ReadContext) -> None:
        profile_news(source)
        part = read_profiles(source, 0)
        profiled_line(part)
        news_line(part)
        trace_line(part)
        if (found := part.profile) is None:
            return
        list(phase_lines(found, 100))
        list(profile_lines(found))
        for modules in (False, True):
            (module_columns if modules else operator_columns)(found)
            costs = costs_of(found, modules=modules)
            for _, row in sorted_rows(found, modules=modules, sort="memory", reverse=False, words=""):
                cells_of(found, row, costs, "memory")
                detail_line(found, row)

    @staticmethod
    def _sensitivity(source: ReadContext) -> None:
        part = read_sensitivity(source, None)
        for normalised in (False, True):
            summary_rows(part, normalised=normalised)
            effects = ranked_effects(part.outcome, normalised=normalised)
            list(effect_rows(effects, 0, 120, 20, normalised=normalised))
            for each in effects:
                effect_in_full(each, normalised=normalised)
                list(value_rows(each, 120, 20))
        list(importance_rows(part.outcome))
        for pair in part.outcome.pairs:
            draw_map([Cells(120) for _ in range(20)], pair, part.metric, ("", ""), coloured=True)

    @staticmethod
    def _speeds(source: ReadContext) -> None:
        part = read_speeds(source, None)
        list(speed_rows(part, 0, 120, 20, block="#"))
        for each in part.settings:
            in_full(each, chosen=True, ended=part.ended)

    @staticmethod
    def _parameters(source: ReadContext) -> None:
        model = read_parameters(source, None).model
        visible(model, open_at_first(model))
        matching_rows(model, "head")

    @staticmethod
    def _runs(source: ReadContext) -> None:
        source.runs.refresh()
        for sort in ("newest", "best", "name", "training.seed"):
            for row in read_runs(source, RunsView(sort, columns=(*COLUMNS, "note", "perplexity"))).rows:
                run_cells(row, (*COLUMNS, "note", "perplexity"), time.time(), watched=True)
                about(row, watched=False, sort=sort)


def commands(run: Run, other: Run, out: Path, chance: float, intact: Container[str] = ()) -> Iterator[Callable[[], object]]:
    """Each as a command calls it; `chance` from 0 to 1 chooses among those that take long. Streams that are `intact` are not read column by column."""
    runs = run.path.parent
    yield lambda: list_runs(runs)
    yield lambda: _ls(runs)
    yield lambda: find_run(runs, "quiet-heron")
    yield lambda: queued_runs(runs)
    reader = RunReader(run)
    yield reader.refresh
    yield lambda: _streams(run, intact)
    yield lambda: print_json(show.record(reader))
    yield lambda: list(show.lines(reader))
    yield lambda: _lineage(run)
    yield lambda: composed(compare(other, run), 90)
    yield reader.forkable
    yield lambda: find_checkpoint(run, "best")
    yield lambda: reader.log_tail(50)
    yield lambda: print_log(reader, 20, follow=True, wait=_enough)
    yield lambda: _events(reader)
    yield lambda: wait.wait_for([reader], [parse_condition(text) for text in CONDITIONS], 0.0, lambda *_: None, wait=_enough)
    yield lambda: select(runs, Selection(failed=chance < 0.5, older_than=1.0, keep_best=1), time.time())
    yield lambda: read_data_facts(run)
    yield lambda: _classes(run)
    yield lambda: read_leases(run, time.time())
    yield Inbox(run).poll
    yield lambda: Follower(run, runs, EventReader(run)).until_end(_enough, time.monotonic)
    if chance < 0.2:
        yield lambda: effective_config(run)
    if chance < 0.3:
        yield lambda: export_run(run, "csv" if chance < 0.1 else "tensorboard" if chance < 0.28 else "parquet", out, overwrite=True)
    if chance > 0.6:
        yield lambda: _overlaid(run, other)
    if chance > 0.9:
        yield lambda: _plot(reader)


def _classes(run: Run) -> None:
    found = read_classification(run)
    if found is not None:
        title_line(ClassesPart(found, best=True), 80)
        matrix_lines(found._replace(**{name: getattr(found, name)[:40] for name in ("support", "predicted", "hits", "names")}, confused=()))
        class_lines(found)
        list(worst_lines(found))
        shares(found, 20)
        copied(found)


def _ls(runs: Path) -> None:
    index = RunIndex(runs)
    index.refresh()
    view = RunsView("best", "" if len(index) else "x optimizer.lr>1 finding:x")
    index.gather(view)
    rows = index.rows(view)
    print_json([ls.record(row) for row in rows])
    ls.print_table(rows, view)
    ls.print_chosen(rows, ("state", "best", "training.seed", "change"))


def _events(reader: RunReader) -> None:
    for show_event in (events.print_event, events.print_record):
        with contextlib.suppress(RecordError):  # where it would go on
            events.print_events(reader, 3, follow=True, show=show_event, wait=_enough)


def _enough(_seconds: float) -> None:
    raise RecordError("once is enough")


def _lineage(run: Run) -> None:
    for one, meta, before in lineage.family(run):
        lineage.line(one, before, meta, run, parent_there=False)
        print_json(lineage.record(one, meta, run))


def _overlaid(run: Run, other: Run) -> None:
    runs = Overlaid([other, run], clock=time.time)
    for quantity in OF_SEVERAL_RUNS:
        runs.read(OverlayView(ChartView(quantity=quantity)))


def _streams(run: Run, intact: Container[str]) -> None:
    for name in [each for each in list_streams(run) if each not in intact][:20]:
        for rank in list_ranks(run, name)[:3]:
            stream = RunReader(run).stream(name, rank)
            stream.refresh()
            columns = [column.name for column in stream.columns[:12]]
            for column in columns:
                stream.last_finite(column)
            stream.series_of(columns, bins=50)
            stream.series_of(columns[:4], bins=20, first=0.0, last=120.0)
            stream.tail(3)
            stream.last()


def _plot(reader: RunReader) -> None:
    metrics = all_metrics(reader)
    if metrics:
        curves.draw("x", usual(metrics, reader)[:2], 60, 10)
    if (draw := drawing_of(reader)) is not None:
        draw(reader, 60, 10, colours=False, unicode=True)


CONDITIONS = ("loss<-1e9", "grad_norm/head.weight>1e300", "epoch=1000000", "finding:loss-spike", "state:queued")
EXPECTED = (RecordError, ConfigProblems)  # sentences for the user


def read_everything(calls: Iterator[Callable[[], object]], limit: float) -> Iterator[str]:
    """Make the calls; the last part of what went wrong in them, a traceback or more than `limit` seconds of the processor."""
    import traceback

    while True:
        begin = time.thread_time()
        try:
            printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                call = next(calls, None)
                if call is None:
                    return
                call()
        except EXPECTED:
            continue
        except Exception:  # noqa: BLE001 - what is looked for
            yield "".join(traceback.format_exc().splitlines(keepends=True)[-9:])
        taken = time.thread_time() - begin
        if taken > limit:
            yield f"{taken:.1f} s in {call and getattr(call, '__qualname__', call)} line {call and getattr(getattr(call, '__code__', None), 'co_firstlineno', 0)}"
