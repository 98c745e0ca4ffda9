"""8 Search: the trials of a search, how good they are, and what makes them so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from gradtop.trainer.record import Run, clean
from gradtop.trainer.trials.recorded import Trial
from gradtop.tui import keys
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.target import Target, is_resumable
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.search import plots, text
from gradtop.tui.screens.search.data import BY_VALUE, SearchPart, SearchRecord, SearchView, exact
from gradtop.tui.screens.search.picture import TrialPlot
from gradtop.tui.screens.search.plots import PlotView
from gradtop.tui.screens.search.read import JOB, grown, read_search
from gradtop.tui.widgets.cells import collected
from gradtop.tui.widgets.table import Table

WIDE = 100  # columns from which on the importances stand beside the plot
HINT = "words, as in: done lr=0.01"
INTRO = """\
A search trains many runs to find the values that make a metric best.
{run}Start one from a configuration or a run:

  gradtop search CONFIG --space "optimizer.lr=log(1e-5,1e-2)"

or in {tune}, with {key}."""


class TrialsScreen(ModeScreen):
    """A plot, the importances, and a table of the trials; the keys of the run mean the search."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("search")
    AUTO_FOCUS = "Table"
    mode = "search"
    read = staticmethod(read_search)
    news = staticmethod(grown)

    def __init__(self) -> None:
        super().__init__()
        self._sort, self._reverse, self._filter = BY_VALUE, False, ""
        self._kind, self._parameter = plots.HISTORY, 0
        self._followed: tuple[Run | None, int | None] = (None, None)
        self._acts_on: tuple[object, ...] = ()

    def body(self) -> ComposeResult:
        yield Lines(id="headline")
        yield Lines(id="intro")
        with Horizontal(id="plots"):
            yield TrialPlot(id="plot")
            yield TrialPlot(id="importance")
        yield Table(id="trials", filters=True, hint=HINT)
        yield Lines(id="about")

    def on_mount(self) -> None:
        self.query_one("#importance").border_title = plots.IMPORTANCE

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < WIDE, "-narrow")
        super().on_resize(event)
        self._draw_plot()

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    @property
    def part(self) -> SearchPart:
        part = self.snapshot.part
        return part if isinstance(part, SearchPart) else SearchPart()

    @property
    def record(self) -> SearchRecord | None:
        return self.part.record

    @property
    def trial(self) -> Trial | None:
        """The one under the cursor."""
        record, key = self.record, self.table.key
        return record.trials.get(int(key)) if record is not None and key.isdigit() else None

    def view(self) -> SearchView:
        return SearchView(self._sort, self._reverse, self._filter)

    def target(self) -> Target | None:
        if (record := self.record) is None:
            return super().target()
        if record.run is None:
            return None
        return Target(record.run, record.name, record.state, JOB, is_resumable(record.state, JOB, record.ended))

    def notice(self, facts: Facts) -> Sequence[str]:
        record = self.record
        if record is not None and record.run != facts.run:
            return [record.error] if record.error else []
        return super().notice(facts)

    # Drawing

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if not isinstance(part, SearchPart):
            return
        if self.focused is None:
            self.set_focus(self.table)
        self.set_class(part.record is None, "-empty")
        if part.record is None:
            self._show_searches(part)
        else:
            self._show_trials(part, part.record)
        self._tell()

    def _show_searches(self, part: SearchPart) -> None:
        facts = self.snapshot.facts
        belongs = f"{facts.name} is no search and no trial of one.\n" if facts.run is not None else ""
        self.query_one("#headline", Lines).show([])
        self.query_one("#intro", Lines).show([[(f" {line}", "text" if line.startswith("  ") else "muted")] for line in INTRO.format(run=belongs, tune="Tune (6)", key=keys.name("tune.search")).split("\n")])
        by_id = {each.run.id: each for each in part.searches}
        self.table.set_columns(text.SEARCHES)
        self.table.set_empty(clean(part.trouble, 400) if part.trouble else f"No searches in {clean(str(self.gradtop.runs), 200)} yet.")
        self.table.set_sorted("", descending=False)
        self.table.show(tuple(by_id), lambda key: text.found_cells(by_id[key]))

    def _show_trials(self, part: SearchPart, record: SearchRecord) -> None:
        table = self.table
        table.set_columns(text.columns(record))
        table.set_empty("No trial yet: the search is about to begin.")
        maximized = part.view.sort.startswith(BY_VALUE) and record.objectives[int(part.view.sort.removeprefix(BY_VALUE) or 0)].maximize
        table.set_sorted(part.view.sort, descending=part.view.reverse != maximized)
        by_key = {str(number): record.trials[number] for number in part.shown}
        table.show(tuple(by_key), lambda key: text.cells(record, by_key[key], watched=by_key[key].number == part.chosen), total=len(record.trials))
        followed = (record.run, part.chosen)
        if followed != self._followed:
            self._followed = followed
            if part.chosen is not None:
                table.go(str(part.chosen))
        self.query_one("#headline", Lines).show([text.headline(record, self.size.width, named=part.chosen is not None)])
        self._draw_plot()

    def _draw_plot(self) -> None:
        if (record := self.record) is None:
            return
        if self._kind not in self._kinds(record):
            self._kind = plots.HISTORY
        trial = self.trial
        chosen = trial.number if trial is not None else None
        keys_ = record.parameters
        parameter = keys_[self._parameter % len(keys_)] if keys_ else ""
        view = PlotView(self._kind, parameter if self._kind == plots.SLICE else "")
        picture = self.query_one("#plot", TrialPlot)
        picture.border_title = self._title(record, parameter)
        picture.show(record, view, chosen)
        if not self.has_class("-narrow"):
            self.query_one("#importance", TrialPlot).show(record, PlotView(plots.IMPORTANCE), None)

    def _title(self, record: SearchRecord, parameter: str) -> str:
        first = record.objectives[0]
        name = clean(first.title, 60)
        return {
            plots.HISTORY: f"{name}: {'highest' if first.maximize else 'lowest'} so far",
            plots.PARALLEL: f"parallel coordinates: the best {plots.BRIGHT} bright",
            plots.SLICE: f"{name} over {clean(parameter, 60)}",
            plots.PARETO: "Pareto front",
            plots.IMPORTANCE: f"{plots.IMPORTANCE}: {name}",
        }[self._kind]

    def _kinds(self, record: SearchRecord) -> Sequence[str]:
        found = [plots.HISTORY, plots.PARALLEL, plots.SLICE]
        if len(record.objectives) > 1:
            found.append(plots.PARETO)
        if self.has_class("-narrow"):
            found.append(plots.IMPORTANCE)
        return found

    def _tell(self) -> None:
        """The trial under the cursor: in the plot, in the lines below, and what the keys can do to it."""
        record, trial = self.record, self.trial
        if record is not None:
            self.query_one("#plot", TrialPlot).choose(trial.number if trial is not None else None)
            self.query_one("#about", Lines).show(text.about(record, trial))
        acts_on = (record is not None, trial is not None and (trial.state, bool(trial.run)), record.state if record is not None else None, self._kind)
        if acts_on != self._acts_on:
            self._acts_on = acts_on
            self.refresh_bindings()

    def on_table_moved(self) -> None:
        with collected() as changed:
            self._tell()
        self.paint(changed)

    def on_table_filtered(self, message: Table.Filtered) -> None:
        self._filter = message.key
        self.request_data()

    def on_table_sorted(self, message: Table.Sorted) -> None:
        self._reverse = message.key == self._sort and not self._reverse
        self._sort = message.key
        self.request_data()

    def on_table_chosen(self) -> None:
        self.action_choose()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        record, trial = (self.record, self.trial) if self.is_mounted else (None, None)
        if action == "choose":
            return True if (trial is not None and trial.run) or (record is None and self.is_mounted and self.table.key) else None
        if action in {"next_plot", "enlarge"}:
            return True if record is not None and record.trials else None
        if action == "parameter":
            return True if record is not None and self._kind == plots.SLICE and record.parameters else None
        if action == "tune":
            return True if trial is not None else None
        if action == "stop_trial":
            return True if trial is not None and not trial.state.has_ended and record is not None and record.state.is_alive else None
        if action in {"enqueue", "extend"}:
            return True if record is not None else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        return f"plot: {self._kind}" if identity == "search.plot" else super().label(identity, label)

    def action_choose(self) -> None:
        """Open the trial's run in the ordinary modes, from where escape comes back; or a search of the list."""
        if (record := self.record) is None:
            if self.table.key:
                self.gradtop.watch_run(Run(self.gradtop.runs / self.table.key), "search")
        elif (trial := self.trial) is not None and trial.run and record.run is not None:
            self.gradtop.watch_run(Run(record.run.path.parent / trial.run), within=record.run)

    def action_next_plot(self, step: int) -> None:
        if (record := self.record) is not None:
            kinds = self._kinds(record)
            self._kind = kinds[(kinds.index(self._kind) + step) % len(kinds)]
            self._draw_plot()
            self._tell()

    def action_parameter(self, step: int) -> None:
        if (record := self.record) is not None and record.parameters:
            self._parameter = (self._parameter + step) % len(record.parameters)
            self._draw_plot()

    def action_enlarge(self) -> None:
        self.toggle_class("-large")
        self.refresh_bindings()

    @property
    def is_inside(self) -> bool:
        return self.has_class("-large")

    def back(self) -> bool:
        if self.has_class("-large"):
            self.remove_class("-large")
            self.refresh_bindings()
            return True
        return False

    def action_tune(self) -> None:
        """Put the trial's parameters into Tune, over the configuration that is searched."""
        record, trial = self.record, self.trial
        if record is not None and record.run is not None and trial is not None:
            self.gradtop.tune(record.run, {key: exact(value) for key, value in trial.params.items()})

    def action_stop_trial(self) -> None:
        from gradtop.tui.dialogs.confirm import Confirm

        record, trial = self.record, self.trial
        if record is None or record.run is None or trial is None:
            return
        run, number = record.run, trial.number

        def stop(yes: bool | None) -> None:
            if yes:
                self.gradtop.poll.send(run, "stop_trial", trial=number)

        self.app.push_screen(Confirm(f"Stop trial {number}?", "It ends after its current step; the search goes on with others.", "stop", "continue"), stop)

    def action_enqueue(self) -> None:
        from gradtop.tui.screens.search.dialogs import EnqueueTrial, typed_values

        record, trial = self.record, self.trial
        if record is None:
            return
        proposed = " ".join(f"{key}={exact(value)}" for key, value in (trial.params if trial is not None else {}).items())

        def enqueue(typed: str | None) -> None:
            if typed is not None:
                self._ask(record, "add_trial", params=typed_values(typed))

        self.app.push_screen(EnqueueTrial(proposed, record.parameters), enqueue)

    def _ask(self, record: SearchRecord, command: str, **arguments: object) -> None:
        """Have the search do something; one that has ended is resumed for it, in a thread."""
        if (run := record.run) is None:
            return
        if record.state.is_alive:
            self.gradtop.poll.send(run, command, **arguments)
        else:
            self.gradtop.launch(partial(self.gradtop.launcher.ask_search, run, command, arguments), f"{record.name} resumed", watch=False)

    def action_extend(self) -> None:
        from gradtop.tui.screens.search.dialogs import ExtendBudget

        if (record := self.record) is None:
            return

        def extend(trials: str | None) -> None:
            if trials is not None:
                self._ask(record, "extend", trials=int(trials))

        self.app.push_screen(ExtendBudget(record.budget), extend)

    def copied(self) -> tuple[str, str]:
        if (trial := self.trial) is not None and trial.params:
            return " ".join(f"{key}={exact(value)}" for key, value in trial.params.items()), f"the parameters of trial {trial.number}"
        return super().copied()
