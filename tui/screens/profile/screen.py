"""F Profiles: what the time of training steps goes into."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from gradtop.trainer.record.profiles import Profile
from gradtop.tui import keys
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Facts, Snapshot
from gradtop.tui.screens.profile.data import ProfilePart, profile_news, read_profiles
from gradtop.tui.screens.profile.mode import MODE, PAGE
from gradtop.tui.screens.profile.text import (
    CostRow,
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
    usual_sort,
)
from gradtop.tui.widgets.table import Table


class ProfilePage(ModeScreen):
    """Phases on top, below them operators or modules; older profiles of the run are a key away."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings(PAGE)
    AUTO_FOCUS = "Table"
    mode = PAGE
    read = staticmethod(read_profiles)
    news = staticmethod(profile_news)

    def __init__(self) -> None:
        super().__init__()
        self._back = 0
        self._modules = False
        self._sorts: dict[bool, tuple[str, bool]] = {}  # of operators and modules: the column, and whether the other way round
        self._rows: dict[str, CostRow] = {}

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        yield Lines(id="news")
        yield Lines(id="phases")
        yield Table(id="costs", filters=True, hint="words of a name")
        yield Lines(id="detail")
        yield Lines(id="trace")

    def on_mount(self) -> None:
        self.query_one("#phases").border_title = "phases of a step"

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    @property
    def part(self) -> ProfilePart:
        part = self.snapshot.part
        return part if isinstance(part, ProfilePart) else ProfilePart()

    def view(self) -> int:
        return self._back

    # Drawing

    def show(self, snapshot: Snapshot) -> None:
        part, facts = snapshot.part, snapshot.facts
        if facts.run is None or not isinstance(part, ProfilePart):
            self.explain("" if facts.run else no_run_text())
            return
        self.explain("" if part.count or part.pending or part.failed else none_text(facts))
        news = news_line(part)
        self.set_class(bool(news), "-news")
        self.set_class(part.profile is None, "-none")
        self.query_one("#news", Lines).show([news] if news else [])
        self.query_one("#title", Lines).show([profiled_line(part)])
        self.query_one("#trace", Lines).show([trace_line(part)])
        if self.focused is None:
            self.set_focus(self.table)
        self._fill()
        self.refresh_bindings()

    def _fill(self) -> None:
        found = self.part.profile
        if found is None:
            self._rows = {}
            self.table.show([], lambda _: ())
            self.query_one("#detail", Lines).show([])
            return
        self._show_phases(found)
        modules = self._modules
        sort, reverse = self._sorts.get(modules, (usual_sort(found, modules=modules), False))
        rows = sorted_rows(found, modules=modules, sort=sort, reverse=reverse, words=self.table.filter)
        self._rows = shown = {str(place): row for place, row in rows}
        costs = costs_of(found, modules=modules)
        self.table.set_columns(module_columns(found) if modules else operator_columns(found))
        self.table.set_empty("no module was called" if modules else "no operator was recorded")
        self.table.set_sorted(sort, descending=(sort != "name") != reverse)
        self.table.show(list(self._rows), lambda key: cells_of(found, shown[key], costs, sort), total=len(found.modules if modules else found.operators))
        self._say()

    def _show_phases(self, found: Profile) -> None:
        lines = self.query_one("#phases", Lines)
        if lines.content_size.width:
            lines.show(list(phase_lines(found, lines.content_size.width)))
        lines.border_subtitle = f"{keys.name('profile.turn')} shows {'operators' if self._modules else 'modules'}"

    def _say(self) -> None:
        found, row = self.part.profile, self._rows.get(self.table.key)
        self.query_one("#detail", Lines).show([detail_line(found, row)] if found is not None and row is not None else [])

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._fill)

    # Keys

    def on_table_filtered(self) -> None:
        self._fill()

    def on_table_moved(self) -> None:
        self._say()

    def on_table_sorted(self, message: Table.Sorted) -> None:
        found = self.part.profile
        if found is not None:
            sort, reverse = self._sorts.get(self._modules, (usual_sort(found, modules=self._modules), False))
            self._sorts[self._modules] = (message.key, message.key == sort and not reverse)
            self._fill()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return super().check_action(action, parameters)
        if action == "turn_over":
            return True if self.part.profile is not None else None
        if action == "older":
            back = self.part.count - self.part.place + (1 if parameters == (1,) else -1)
            return True if 0 <= back < self.part.count else None
        return super().check_action(action, parameters)

    def label(self, identity: str | None, label: str) -> str:
        if identity == "profile.turn":
            return "operators" if self._modules else "modules"
        return super().label(identity, label)

    def action_turn_over(self) -> None:
        self._modules = not self._modules
        self._fill()
        self.refresh_bindings()

    def action_older(self, step: int) -> None:
        self._back = max(0, min(self.part.count - self.part.place + step, self.part.count - 1))
        self.request_data()

    def turn(self, step: int) -> None:  # noqa: ARG002 - two sides have one order
        """Tab, too: there is one pane with a cursor."""
        if self.part.profile is not None:
            self.action_turn_over()

    def copied(self) -> tuple[str, str]:
        if self.part.trace is not None:
            return str(self.part.trace), "the path of the trace"
        return super().copied()


class ProfileMode(ProfilePage):
    """The same of a run that is a profile, in place of the Overview."""

    BINDINGS = bindings(MODE.name)
    mode = MODE.name


def none_text(facts: Facts) -> str:
    """Where there is no profile: which key brings one."""
    key = keys.name("run.profile")
    if facts.state.has_ended:
        return f"{facts.name} has no profile. {key} takes one of its configuration, in a run of its own."
    return f"{facts.name} has no profile. {key} profiles its next steps, while it goes on."
