"""The screen that every mode is.

How a mode is written (`tui/screens/gradients/screen.py`, its CSS in `gradients.tcss`, what it reads in `tui/screens/gradients/data.py`)::

    # tui/screens/gradients/data.py: no Textual; tested without a terminal
    @dataclass(frozen=True)
    class GradientsPart: ...
    def read_gradients(source: ReadContext, view: GradientsView) -> GradientsPart:
        reader = source.run                    # gradtop.trainer.record.RunReader, None where no run is watched
        ...                                    # runs in the poll thread: reading belongs here, and only here

    # tui/screens/gradients/screen.py
    class Gradients(ModeScreen):
        CSS_PATH = "gradients.tcss"
        BINDINGS = bindings("gradients")       # from tui/keys.py: put your keys into that table, modes=("gradients",)
        mode = "gradients"
        streams = ("layers",)                  # looked at on each tick; read again when one grew or an event came
        read = staticmethod(read_gradients)

        def body(self) -> ComposeResult: ...   # what stands between the header and the key bar
        def view(self) -> Hashable: ...        # what `read` must know: the chosen parameter, the sort; frozen and comparable
        def looked_at(self) -> tuple[str, ...]: ...  # for the lease: the parameters somebody looks at
        def show(self, snapshot: Snapshot) -> None: ...  # draw it: snapshot.facts, snapshot.part (your part, never another mode's)
        def copied(self) -> tuple[str, str]: ...   # for `y`: (the text, what it is)

Call `self.request_data()` when `view` or `looked_at` changed: the answer comes with the next `show`, within milliseconds.
`show` is called on mount with what is known already, then once per change, and never while another mode is visible.
`self.snapshot` is the last one shown. Before the first part, and where no run is watched, `snapshot.part` is None: say
what will come and which key brings it (`self.explain("…")` shows a sentence in place of the body, `""` takes it away).
Actions bound as "screen.…" are methods `action_…` of the screen; a key that cannot act now returns None from
`check_action`, and `self.refresh_bindings()` says that this changed. Commands: `self.gradtop.command("pause")`.
`unsaved()` names what would be lost by leaving. Sizes: `on_resize`, `self.size`; 80×24 is fully usable.
What should be there on the next visit: `self.gradtop.memory.get/put` through `self.gradtop.remember(key, value)`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from gradtop.tui import keys
from gradtop.tui.framework.header import Header
from gradtop.tui.framework.key_bar import KeyBar
from gradtop.tui.framework.notices import foreign_text, notice_lines
from gradtop.tui.framework.painting import paint
from gradtop.tui.framework.target import Target, is_resumable
from gradtop.tui.framework.whole_screen import WholeScreen
from gradtop.tui.mode import Key
from gradtop.tui.reading.measurements import MEASUREMENTS
from gradtop.tui.reading.snapshot import EMPTY, Facts, Request, Snapshot
from gradtop.tui.widgets.cells import collected

if TYPE_CHECKING:
    from gradtop.trainer.record.pictures import Wanted

SMALLEST = (40, 12)
READING = "Reading …"
SHADOWED = ("tab", "shift+tab")  # Textual's own screen binds these, unseen, before the app could


def bindings(mode: str) -> list[BindingType]:
    """The bindings of a mode (or, with "", of the whole app) from the one table of keys."""
    return bound(keys.mode_keys(mode) if mode else keys.app_keys())


def bound(rows: Iterable[Key]) -> list[BindingType]:
    return [
        Binding(row.key, row.action, row.label, show=row.footer or bool(row.spare), key_display=row.name, tooltip=row.help, id=row.id, priority=row.priority)
        for row in rows
        if row.bound
    ]


@runtime_checkable
class Receiver(Protocol):
    """A screen that is handed each snapshot: a mode, and what lies over it."""

    def receive(self, snapshot: Snapshot) -> None: ...


class ModeScreen(WholeScreen):
    """Header, notice, body, key bar; asks the poll thread for its part and shows what comes."""

    AUTO_FOCUS = ""
    BINDINGS = bound(key for key in keys.app_keys() if key.key in SHADOWED)
    mode: ClassVar[str] = ""
    streams: ClassVar[tuple[str, ...]] = ()
    watches_runs: ClassVar[bool] = False
    news: ClassVar[Callable[..., Hashable] | None] = None  # of the source, in the poll thread: another value when what no stream tells of has changed

    def __init__(self) -> None:
        super().__init__()
        self.snapshot = EMPTY
        self._composed = self._was_left = False
        self._resumes = 0
        self._explained = ""
        self._noticed = ("", False)
        self._read_late = False

    # What a mode fills in

    @staticmethod
    def read(source: Any, view: Any, /) -> object:
        """What the mode's `Snapshot.part` is; called in the poll thread."""

    def body(self) -> ComposeResult:
        yield from ()

    def view(self) -> Hashable:
        return None

    def looked_at(self) -> tuple[str, ...]:
        return ()

    def pictured(self) -> tuple[Wanted, ...]:
        """The pictures of weights that the worker should take, for the lease."""
        return ()

    def show(self, snapshot: Snapshot) -> None:
        """Draw the snapshot."""

    def copied(self) -> tuple[str, str]:
        """What `y` copies, and its name: the run's directory where a mode has nothing better."""
        run = self.snapshot.facts.run
        return (str(run.path), "the run's path") if run is not None else ("", "")

    def target(self) -> Target | None:
        """The run that the command keys mean here."""
        facts = self.snapshot.facts
        if facts.run is None or facts.gone:
            return None
        return Target(facts.run, facts.name, facts.state, facts.meta.job, is_resumable(facts.state, facts.meta.job, facts.status.step))

    def unsaved(self) -> str:
        """What leaving would lose, as a sentence; "" where nothing."""
        return ""

    def turn(self, step: int) -> None:
        """Tab and shift+tab: the next or the previous pane."""
        (self.focus_next if step > 0 else self.focus_previous)()

    def back(self) -> bool:
        """Escape: come out of something; whether there was anything."""
        if self.focused is None or self.AUTO_FOCUS:
            return False
        self.set_focus(None)
        return True

    def label(self, identity: str | None, label: str) -> str:
        """What a key is called in the key bar now; "" leaves it out."""
        if identity == "run.pause" and self.gradtop.can("continue"):
            return "continue"
        if identity == "back":
            return label if self.is_inside else ""
        return "" if identity == "next" else label

    @property
    def is_read(self) -> bool:
        """Whether it knows what it will show."""
        known = self.snapshot.part is not None or self.snapshot.facts.run is None or bool(self._explained and not self._read_late)
        return known and self.shows_watched

    @property
    def shows_watched(self) -> bool:
        """Whether what it shows is of the run that is watched now."""
        return self.snapshot.facts.run == self.gradtop.watched

    @property
    def is_inside(self) -> bool:
        """Whether escape comes out of something here that fills the screen."""
        return False

    # What every mode does

    def compose(self) -> ComposeResult:
        yield Header()
        yield Static(id="notice", markup=False)
        yield Static(id="explanation", markup=False)
        with Vertical(id="body"):
            yield from self.body()
        yield KeyBar(self.mode)
        yield Static(id="too-small", markup=False)

    def on_mount(self) -> None:
        self._composed = True
        self.request_data()
        self.receive(self.gradtop.snapshot)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        # Textual (8.2) says so twice of a mode that is opened for the first time.
        self._resumes += 1
        if self._resumes == 2 and not self._was_left:
            event.prevent_default()
            return
        # It styles all that a screen has anew whenever it comes back, which is most of what a change of mode costs.
        # What another theme changes it sees to by itself.
        event.refresh_styles = False
        self.refresh_bindings()  # the key bar stood still under a dialog
        self.request_data()
        self.come_to_front()

    def on_screen_suspend(self) -> None:
        self._was_left = True

    def come_to_front(self) -> None:
        """Called whenever it is shown, and when the dialog over it has closed."""

    def request_data(self) -> None:
        """Have this screen's part read with its present view."""
        if self._composed:
            self.gradtop.request_data(self)

    def request(self) -> Request:
        return Request(
            run=self.gradtop.watched,
            mode=self.mode,
            read=type(self).read,
            view=self.view(),
            streams=self.streams,
            measurements=MEASUREMENTS.get(self.mode, ()),
            parameters=self.looked_at(),
            pictures=self.pictured(),
            watches_runs=self.watches_runs,
            news=type(self).news,
        )

    def receive(self, snapshot: Snapshot) -> None:
        """Take a snapshot: the header always, the body where the part is this mode's."""
        if not self._composed:
            return  # the newest one is taken on mount
        if snapshot.mode != self.mode:
            snapshot = Snapshot(self.mode, snapshot.facts)
        before, self.snapshot = self.snapshot, snapshot
        with collected() as changed:
            self.query_one(Header).show_facts(snapshot.facts)
            if before.facts is not snapshot.facts:
                self._notice(snapshot.facts)
                if before.facts.state != snapshot.facts.state or before.facts.run is not snapshot.facts.run:
                    self.refresh_bindings()
            if foreign := foreign_text(snapshot.facts, self.streams):
                self.explain(foreign)
            else:
                if before.facts.run is not snapshot.facts.run:
                    self.explain("")
                if self._read_late and snapshot.part is not None:
                    self._read_late = False
                    self.gradtop.hide_until_whole()
                    self.explain("")
                self.show(snapshot)
        if self.gradtop.hides and self.is_read:
            self.show_whole()
        self.paint(changed)

    def read_late(self) -> None:
        """It has been hidden for as long as nobody minds: say what it waits for, or show it as it is."""
        if not self.is_read:
            self._read_late = True
            self.explain(READING)
        self.show_whole(late=True)

    def paint(self, changed: set[Widget]) -> None:
        paint(self, changed)

    def explain(self, sentence: str) -> None:
        """Show a sentence in place of the body; "" brings the body back."""
        if sentence != self._explained:
            self._explained = sentence
            self.query_one("#explanation", Static).update(sentence)
            self._set_own_class("-explained", bool(sentence), "#explanation", "#body")
            self.refresh_bindings()

    def _set_own_class(self, name: str, there: bool, *concerned: str) -> None:
        """Set or remove a class of the screen that concerns these widgets alone: Textual (8.2) styles all that a screen has anew for it."""
        if there != self.has_class(name):
            self.set_class(there, name, update=False)
            for each in concerned:
                self.app.stylesheet.apply(self.query_one(each))

    @property
    def is_explained(self) -> bool:
        """Whether a sentence stands in place of the body: the mode's own keys have nothing to act on."""
        return bool(self._explained)

    def notice(self, facts: Facts) -> Sequence[str]:
        """What stands under the header; a key that it names acts in this mode."""
        return notice_lines(facts)

    def _notice(self, facts: Facts) -> None:
        lines, notice = self.notice(facts), self.query_one("#notice", Static)
        noticed = ("\n".join(lines), facts.state.went_wrong or facts.gone)
        if noticed != self._noticed:
            self._noticed = noticed
            notice.set_class(noticed[1], "-error")
            notice.update(noticed[0])  # lays the whole screen out anew
            self._set_own_class("-noticed", bool(lines), "#notice")

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - as Textual calls it
        width, height = self.size
        small = width < SMALLEST[0] or height < SMALLEST[1]
        if small:
            message = f"gradtop needs {SMALLEST[0]} × {SMALLEST[1]} characters; this terminal has {width} × {height}. The run continues."
            self.query_one("#too-small", Static).update(message)
        self.set_class(small, "-too-small")
