"""6 Tune: change the configuration, see what that means, start the next run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message

from trainer.record import Run
from tui.parts.tune import NOTHING, TunePart, read_tune
from tui.screens.actions import Actions
from tui.screens.base import ModeScreen, bindings
from tui.screens.form import Form
from tui.screens.tune_words import About, Differences, about_field, counted, what_will_change
from tui.snapshot import Snapshot

if TYPE_CHECKING:
    from tui.draft import Draft

BUTTONS = (("ctrl+s start", "start"), ("ctrl+l live", "apply_live"), ("ctrl+o save", "save"), ("esc discard", "discard"))
WIDE = 100  # from this many columns on two columns of fields, and both panes below them
LOW = 16  # rows below which only the fields are shown


class Tune(ModeScreen):
    """A form over the declarations; nothing typed is lost before it is started, saved or taken back."""

    AUTO_FOCUS = "#form"
    CSS_PATH = "tune.tcss"
    BINDINGS = bindings("tune")
    mode = "tune"
    read = staticmethod(read_tune)

    class Loaded(Message):
        """The configuration that `part` holds as an empty draft; None and what is wrong where there is none."""

        def __init__(self, part: TunePart, draft: Draft | None, problem: str) -> None:
            super().__init__()
            self.part, self.draft, self.problem = part, draft, problem

    class Saved(Message):
        """What became of saving: `there` where a file of that name exists, else what went wrong, "" for nothing."""

        def __init__(self, path: str, there: bool, problem: str) -> None:
            super().__init__()
            self.path, self.there, self.problem = path, there, problem

    def __init__(self) -> None:
        super().__init__()
        self._part: TunePart | None = None  # the newest that was read
        self._base = NOTHING  # the one that the draft changes
        self._starting = False
        self._started: object = None  # the configuration of the last run that was started here
        self._can: tuple[object, bool] = ((), False)

    def body(self) -> ComposeResult:
        yield Form(id="form")
        with Horizontal(id="below"):
            yield About(id="about")
            with Vertical(id="changes"):
                yield Differences(id="differences")
                yield Actions(id="actions", main="start")

    def on_mount(self) -> None:
        self.query_one("#changes").border_title = "what will change"
        self.explain("Reading the configuration …")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < WIDE, "-narrow")
        self.set_class(event.size.height < LOW, "-low")
        if event.size.width >= WIDE:
            self.remove_class("-changes")

    @property
    def form(self) -> Form:
        return self.query_one("#form", Form)

    @property
    def draft(self) -> Draft | None:
        return self.form.draft

    # From the run to the draft

    def show(self, snapshot: Snapshot) -> None:
        part = snapshot.part
        if isinstance(part, TunePart) and part != self._part:
            self._part = part
            self._load(part)
        self._draw_changes()

    def _load(self, part: TunePart, *, anew: bool = False) -> None:
        """Make a draft of the part in a thread; `anew` drops what was typed."""

        def load() -> None:
            # Pydantic costs 0.14 s to import: not in the screen's own thread.
            from tui.draft import Draft, make_base

            if part.run is not None and not part.tables:
                self.post_message(self.Loaded(part, None, "it is missing, or it is not TOML"))
                return
            config, problem = make_base(part.tables, part.live)
            self.post_message(self.Loaded(part, Draft(config) if config is not None else None, problem))

        if anew:
            self.form.draft = None
        self.run_worker(load, thread=True, name="configuration")

    def on_tune_loaded(self, message: Loaded) -> None:
        if message.part is not self._part:
            return
        mine = self.draft
        if mine is not None and mine.changes_something and (message.draft is None or mine.config != message.draft.base):
            self.form.draw()  # what was typed stays, over the configuration that it was typed over
        elif message.draft is None:
            self.form.draft = None
            self.explain(f"run.toml of {message.part.name} cannot be used:\n\n{message.problem}")
        else:
            self._base = message.part
            self.explain("")
            self.form.take(message.draft)

    @property
    def stale(self) -> bool:
        """Whether the draft changes another run's configuration than the one that is watched."""
        return self._part is not None and self._part.run is not None and (self._base.run is None or self._base.run.path != self._part.run.path)

    # Drawing

    def on_form_moved(self) -> None:
        draft, spec = self.draft, self.form.spec
        if draft is None or spec is None:
            return
        about = self.query_one(About)
        about.border_title = spec.key
        count = len(draft.differences())
        said = f"{counted(count)}: tab shows, ctrl+s starts" if count else "ctrl+s starts it again"
        if draft.problems:
            said = f"{len(draft.problems)} to be put right: tab shows"
        about.border_subtitle = said if self.has_class("-narrow") else ""
        about.show(about_field(draft, spec))
        self._draw_changes()

    def _draw_changes(self) -> None:
        draft = self.draft
        if draft is None:
            return
        live = self.snapshot.facts.state in {"training", "paused"} and not self.stale
        self.query_one(Differences).show_changes(*what_will_change(draft, self._base, live=live, stale=self.stale))
        can = [(words, action) for words, action in BUTTONS if self.check_action(action, ())]
        self.query_one(Actions).show(can)
        if (can, self.form.editing) != self._can:
            self._can = (can, self.form.editing)
            self.refresh_bindings()

    def label(self, identity: str | None, label: str) -> str:
        if identity == "next":
            return ("fields" if self.has_class("-changes") else "changes") if self.has_class("-narrow") and not self.form.editing else ""
        if identity == "tune.discard" and not self.check_action("discard", ()):
            return ""
        # The run's keys act here too; the bar has room for the form's own.
        return "" if identity in {"run.pause", "run.checkpoint", "run.stop", "log"} else super().label(identity, label)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        draft = self.draft if self.is_mounted else None
        can: bool
        if action in {"start", "save"}:
            can = draft is not None and draft.config is not None and not self._starting
        elif action == "apply_live":
            can = draft is not None and bool(draft.live_changes()) and self.snapshot.facts.state in {"training", "paused"} and not self.stale
        elif action == "discard":
            can = draft is not None and draft.changes_something
        elif action in {"edit", "reset", "move", "beside", "section"}:
            can = draft is not None and not self.form.editing and not self.has_class("-changes")
        else:
            return super().check_action(action, parameters)
        return can or None

    # The cursor

    def action_move(self, step: int) -> None:
        self.form.move(step)

    def action_section(self, step: int) -> None:
        self.form.move_section(step)

    def action_beside(self, step: int) -> None:
        self.form.move_beside(step)

    def action_edit(self) -> None:
        self.form.edit()

    def action_reset(self) -> None:
        self.form.reset()

    def turn(self, step: int) -> None:
        """Tab: the next section; in a small terminal, the changes and back."""
        if not self.has_class("-narrow"):
            self.form.move_section(step)
            return
        self.toggle_class("-changes")
        if not self.has_class("-changes"):
            self.call_after_refresh(self.set_focus, self.form)
        self.refresh_bindings()

    def on_form_choosing(self, message: Form.Choosing) -> None:
        from tui.screens.choose import Choose

        def take(word: str | None) -> None:
            if word is not None:
                self.form.set_text(word)

        self.app.push_screen(Choose(message.spec.name, message.spec.choices, message.chosen, message.at), take)

    # What can be done with it

    def action_start(self) -> None:
        """Start a new run from the start with what the form says; the screen follows it."""
        self.form.leave()
        draft, base = self.draft, self._base
        if draft is None or draft.config is None or self._starting:
            return
        self._starting = True
        config, changes, launcher = draft.config, draft.changes(), self.gradtop.launcher
        facts = self.snapshot.facts
        beside = f"; {facts.name} goes on beside it" if facts.alive and facts.run is not None else ""

        def work() -> Run:
            try:
                run = launcher.start(config, parent=base.run, changes=changes)
                self._started = config
                return run
            finally:
                self._starting = False

        self.gradtop.launch(work, f"started a new run{beside}")

    def action_apply_live(self) -> None:
        self.form.leave()
        if self.draft is not None and (changes := self.draft.live_changes()):
            self.gradtop.command("set", changes=changes)

    def action_save(self) -> None:
        from tui.screens.save_as import SaveAs

        self.form.leave()
        if self.draft is not None and self.draft.config is not None:
            proposed = str(Path.cwd() / f"{self._base.name or 'config'}.toml")
            self.app.push_screen(SaveAs(proposed), lambda path: self._save(path) if path else None)

    def _save(self, path: str, *, overwrite: bool = False) -> None:
        config = self.draft.config if self.draft is not None else None
        if config is None:
            return

        def save() -> None:
            from tui.draft import save_config

            self.post_message(self.Saved(path, *save_config(config, Path(path).expanduser(), overwrite=overwrite)))

        self.run_worker(save, thread=True, name="save")

    def on_tune_saved(self, message: Saved) -> None:
        from tui.screens.confirm import Confirm

        if message.there:
            question = Confirm(f"Overwrite {message.path}?", "There is such a file. Its text and its comments would be lost.", "overwrite", "keep it")
            self.app.push_screen(question, lambda yes: self._save(message.path, overwrite=True) if yes else None)
        elif message.problem:
            self.notify(message.problem, title="not saved", severity="error", timeout=10, markup=False)
        else:
            self.notify(f"saved {message.path}", markup=False)

    def back(self) -> bool:
        """Escape: back to the fields; else take back what was typed, after a question."""
        if self.has_class("-changes"):
            self.turn(-1)
        elif self.draft is not None and self.draft.changes_something:
            self.action_discard()
        else:
            return False
        return True

    def action_discard(self) -> None:
        from tui.screens.confirm import Confirm

        if self.draft is None or not self.draft.changes_something:
            return
        newest = self._part.name if self._part is not None and self._part.run is not None else "the defaults"
        question = Confirm(f"Take back {counted(len(self.draft.differences()))}?", f"The form goes back to what {newest} has.", "take back", "keep")
        self.app.push_screen(question, lambda yes: self._load(self._part, anew=True) if yes and self._part is not None else None)

    def unsaved(self) -> str:
        if not self.is_mounted or self.draft is None or not self.draft.changes_something:
            return ""
        if self.draft.config is not None and self.draft.config == self._started:
            return ""  # the form takes the new run's configuration when it is looked at next
        return f"Tune has {counted(len(self.draft.differences()))} with which no run was started."

    def copied(self) -> tuple[str, str]:
        spec = self.form.spec
        if self.draft is None or spec is None:
            return super().copied()
        return f"{spec.key}={self.draft.text(spec)}", "the setting"
