"""7 Runs: all runs, what became of them, and what was changed between them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from importlib import import_module
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.message import Message

from gradtop.trainer.analysis.index import RunsView
from gradtop.trainer.analysis.metric_columns import MetricColumn, best_column, score_column
from gradtop.trainer.analysis.run_fields import FINDING
from gradtop.trainer.analysis.run_filter import HINT
from gradtop.trainer.analysis.run_order import NEWEST, SORTS, is_descending
from gradtop.trainer.analysis.run_row import RunRow
from gradtop.trainer.job import find_job
from gradtop.trainer.metrics import ACCURACY
from gradtop.trainer.record import Run, clean
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.target import Target, is_resumable
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.runs import changes
from gradtop.tui.screens.runs.columns import ALWAYS, USUAL, all_names, kept_columns, shown_columns, written
from gradtop.tui.screens.runs.columns import KEY as COLUMNS_KEY
from gradtop.tui.screens.runs.data import RunsPart, read_runs, sorted_column
from gradtop.tui.screens.runs.deletion import Deletion, confirm_deletion, report_deletion
from gradtop.tui.screens.runs.judging import Judged, RunJudge
from gradtop.tui.screens.runs.marks import RunMarks
from gradtop.tui.screens.runs.model import use_model
from gradtop.tui.screens.runs.text import RunDetails, about, empty_list_text, run_cells, shown_name
from gradtop.tui.widgets.cells import collected
from gradtop.tui.widgets.columns import Cell
from gradtop.tui.widgets.table import Table

KEY = "runs.sort"
REVERSED = "-"  # before the remembered order


class Runs(ModeScreen):
    """A table of the runs; the keys of the run mean the one under the cursor."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("runs")
    AUTO_FOCUS = "Table"
    mode = "runs"
    watches_runs: ClassVar[bool] = True
    read = staticmethod(read_runs)

    class Named(Message):
        """The keys and metrics that columns could be of."""

        def __init__(self, names: Collection[str]) -> None:
            super().__init__()
            self.names = names

    def __init__(self) -> None:
        super().__init__()
        self._sort, self._reverse, self._filter = NEWEST, False, ""
        self._rows: dict[str, RunRow] = {}
        self._known: frozenset[str] = frozenset()
        self._state: tuple[str, str] = ("", "")
        self._placed = False
        self._judgements = RunJudge(self)
        self._columns: tuple[str, ...] = ()  # by the names of their fields
        self._named: frozenset[str] = frozenset()  # those of them in which each cell has the name of its metric
        self._looked_up: tuple[str, ...] = ()  # those of them that fit
        self._marks = RunMarks()

    def body(self) -> ComposeResult:
        yield Table(filters=True, hint=HINT)
        yield RunDetails(id="about")

    def on_mount(self) -> None:
        wanted = self.gradtop.memory.get(KEY)
        self._sort, self._reverse = wanted.removeprefix(REVERSED) or NEWEST, wanted.startswith(REVERSED)
        self._columns, columns = shown_columns(kept_columns(self.gradtop.memory), spared=["tag"])
        self.table.set_columns(columns)
        super().on_mount()

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    def view(self) -> RunsView:
        return RunsView(self._sort, self._filter, self._reverse, self._looked_up)

    @property
    def row(self) -> RunRow | None:
        """What the cursor stands on."""
        return self._rows.get(self.table.key)

    def notice(self, facts: Facts) -> Sequence[str]:
        """Of the watched run nothing but that it is gone: keys mean the row under the cursor here, of which the lines below tell."""
        return super().notice(facts) if facts.gone else ()

    def target(self) -> Target | None:
        row = self.row
        return Target(row.run, shown_name(row), row.state, row.job, is_resumable(row.state, row.job, row.status.step)) if row is not None else None

    def complete(self) -> bool:
        """Whether the columns that fit are filled, that of what is wrong too as far as a first look comes."""
        part = self.snapshot.part
        if not isinstance(part, RunsPart) or not self.table.in_view:
            return True
        if not self._judgements:
            self._judge()
        return part.view == self.view() and bool(self._judgements)

    # Drawing

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if not isinstance(part, RunsPart):
            return
        if self.focused is None:
            self.set_focus(self.table)
        self._rows = rows = {row.run.id: row for row in part.rows}
        self._known = part.known
        self.table.set_empty(*empty_list_text(self.gradtop.runs, part.trouble))
        watched = self.gradtop.watched
        if not self._placed and part.rows:
            self._placed = True
            if watched is not None and watched.id in self._rows:
                self.table.go(watched.id)
        seen, now = watched.id if watched is not None else "", part.now
        self._set_columns(part)
        self.table.set_sorted(sorted_column(part.view.sort), descending=is_descending(part.view.sort, reverse=part.view.reverse))
        problem = part.trouble or part.problem or ("" if part.whole or not part.view.filter else "reading …")
        self.table.show(tuple(rows), lambda key: self._cells(rows[key], now, watched=key == seen), total=part.total, problem=problem)
        self._tell()
        self._judge()

    def _set_columns(self, part: RunsPart) -> None:
        """Those that were chosen, and what else must be said: the data, where results on different ones stand below each other."""
        forced = ["data"] if part.groups > 1 else []
        metrics: dict[str, MetricColumn] = {name: column([row.status for row in part.rows]) for name, column in (("best", best_column), (ACCURACY, score_column))}
        self._named = frozenset(name for name, column in metrics.items() if column.named)
        spared = [] if any(row.tags for row in part.rows) else ["tag"]
        self._columns, columns = shown_columns(kept_columns(self.gradtop.memory), forced=forced, spared=spared, metrics=metrics)
        self.table.set_columns(columns)
        self._look_up()

    def _look_up(self) -> None:
        """Have what the columns that fit need looked up; what is wrong is looked for in the rows in view alone."""
        fitting = set(self.table.shown_places)
        looked_up = tuple(name for place, name in enumerate(self._columns, len(ALWAYS)) if place in fitting and name != FINDING)
        if looked_up != self._looked_up:
            self._looked_up = looked_up
            self.request_data()

    def _judge(self) -> None:
        """Have the rows in view looked at for what is wrong."""
        part = self.snapshot.part
        if isinstance(part, RunsPart) and self.is_current:
            self._judgements.look([self._rows[key] for key in self.table.in_view if key in self._rows], part.now)

    def on_judged(self, message: Judged) -> None:
        self._judgements.take(message)
        if self.is_mounted:
            self.table.redraw()
            self._tell()
            self._judge()
            if self.gradtop.hides:
                self.show_whole()

    def _cells(self, row: RunRow, now: float, *, watched: bool) -> Sequence[Cell]:
        known = self._judgements.of(row)
        finding = (known.words, known.tone) if known is not None else ("…", "muted")
        return run_cells(row, self._columns, now, finding, watched=watched, marked=row.run.id in self._marks, named=self._named)

    def _tell(self) -> None:
        """What is said of the row under the cursor, and which keys act on it."""
        row, part = self.row, self.snapshot.part
        watched = row is not None and row.run == self.gradtop.watched
        nothing: list[TextLine] = [[(f" Runs directory: {clean(str(self.gradtop.runs), 300)}", "muted")]]
        known = self._judgements.of(row) if row is not None else None
        said = (known.sentence, known.tone) if known is not None else ("", "muted")
        self.query_one(RunDetails).show(about(row, said, watched=watched, sort=self._sort, apart=part.groups if isinstance(part, RunsPart) else 0) if row is not None else nothing)
        state = (row.run.id, row.state) if row is not None else ("", "")
        if state != self._state:
            self._state = state
            self.refresh_bindings()

    def on_table_moved(self) -> None:
        with collected() as changed:
            self._tell()
        self.paint(changed)  # in the frame of the cursor: Textual draws the next one 17 ms later
        self._judge()

    def on_table_scrolled(self) -> None:
        self._judge()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._look_up)
        self.call_after_refresh(self._judge)

    def on_table_filtered(self, message: Table.Filtered) -> None:
        self._filter = message.key
        self.request_data()

    def on_table_sorted(self, message: Table.Sorted) -> None:
        sort = NEWEST if message.key == "started" else message.key
        self._sort_by(sort, reverse=sort == self._sort and not self._reverse)

    def on_table_chosen(self) -> None:
        self.action_choose()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        row = self.row if self.is_mounted and self._rows else None
        if action == "overlay":
            return True if row is not None and self._overlaid() else None
        if action == "unmark":
            return True if self._marks else None
        if action == "compare":
            return True if row is not None and self._marks.other(self._known, row) is not None else None
        if action in {"choose", "start_job", "rerun", "rename", "fork", "mark", "tag", "note", "pin", "seeds", "use"}:
            return True if row is not None else None
        if action == "delete":
            return True if row is not None and not row.state.is_alive else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        return f"sort: {self._sort}{' reversed' if self._reverse else ''}" if identity == "runs.sort" else super().label(identity, label)

    def action_choose(self) -> None:
        if self.row is not None:
            self.gradtop.watch_run(self.row.run)

    def action_fork(self) -> None:
        """Tune over this run: what is changed there goes on from one of its checkpoints."""
        if self.row is not None:
            self.gradtop.watch_run(self.row.run, "tune")

    def action_mark(self) -> None:
        if self.row is not None:
            # Charts are about to be wanted: their modules are there by the time that the overlay is opened.
            self.gradtop.poll.do(partial(import_module, "gradtop.tui.dialogs.overlay"))
            self._marks.toggle(self.row.run.id)
            self._show_marks()

    def action_unmark(self) -> None:
        self._marks.clear()
        self._show_marks()

    def _show_marks(self) -> None:
        self.show(self.snapshot)
        self.refresh_bindings()

    def _overlaid(self) -> list[Run]:
        return self._marks.overlaid(self.gradtop.runs, self._known, self.row)

    def action_overlay(self) -> None:
        from gradtop.tui.dialogs.overlay import Overlay

        if runs := self._overlaid():
            self.app.push_screen(Overlay(runs, self._marks.numbers))

    def action_compare(self) -> None:
        from gradtop.tui.dialogs.compare import Compare

        if (row := self.row) is not None and (other := self._marks.other(self._known, row)) is not None:
            self.app.push_screen(Compare(other, row.run))

    def action_sort(self) -> None:
        place = SORTS.index(self._sort) if self._sort in SORTS else -1
        self._sort_by(SORTS[(place + 1) % len(SORTS)])

    def _sort_by(self, sort: str, *, reverse: bool = False) -> None:
        self._sort, self._reverse = sort, reverse
        self.gradtop.remember(KEY, f"{REVERSED if reverse else ''}{sort}")
        self.request_data()
        self.refresh_bindings()

    def action_columns(self) -> None:
        """Choose the columns: the keys and metrics that the runs have are looked up first."""
        poll, runs = self.gradtop.poll, self.gradtop.poll.runs
        poll.do(lambda: self.post_message(self.Named(runs.names())))

    def on_runs_named(self, message: Named) -> None:
        from gradtop.tui.dialogs.columns import ColumnPicker

        if self.is_current:
            self.app.push_screen(ColumnPicker(all_names(message.names), kept_columns(self.gradtop.memory), USUAL, self._choose_columns))

    def _choose_columns(self, names: Sequence[str]) -> None:
        self.gradtop.remember(COLUMNS_KEY, written(names))
        self.show(self.snapshot)

    def action_rerun(self) -> None:
        if self.row is not None:
            changes.rerun(self.gradtop, self.row)

    def action_seeds(self) -> None:
        if self.row is not None:
            changes.seeds(self.gradtop, self.row)

    def action_rename(self) -> None:
        if self.row is not None:
            changes.rename(self.gradtop, self.row)

    def action_tag(self) -> None:
        if self.row is not None:
            changes.tag(self.gradtop, self.row)

    def action_note(self) -> None:
        if self.row is not None:
            changes.annotate(self.gradtop, self.row)

    def action_use(self) -> None:
        if self.row is not None:
            use_model(self.gradtop, self.row)

    def action_start_job(self, name: str) -> None:
        """A job that works on a checkpoint."""
        if self.row is not None:
            changes.start_job(self.gradtop, self.row, find_job(name))

    def action_delete(self) -> None:
        if self.row is not None:
            confirm_deletion(self, self.row)

    def on_deletion(self, message: Deletion) -> None:
        report_deletion(self, message)

    def action_pin(self) -> None:
        if self.row is not None:
            changes.pin(self.gradtop, self.row)

    def copied(self) -> tuple[str, str]:
        row = self.row
        return (str(row.run.path), "the run's path") if row is not None else ("", "")
