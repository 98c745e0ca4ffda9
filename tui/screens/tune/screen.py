"""6 Tune: change the configuration, see what that means, start the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from gradtop.trainer.metrics import MONITOR_KEY, is_own
from gradtop.tui import keys
from gradtop.tui.framework.actions import Actions
from gradtop.tui.framework.mode_screen import bindings
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.tune.actions import FormActions
from gradtop.tui.screens.tune.data import TunePart, read_tune
from gradtop.tui.screens.tune.draft_loader import DraftLoaded
from gradtop.tui.screens.tune.effect import at_once_text, scaled_text, way_of
from gradtop.tui.screens.tune.form import Form
from gradtop.tui.screens.tune.preview import LrPreview
from gradtop.tui.screens.tune.text import (
    Differences,
    FieldHelp,
    FilterRow,
    about_field,
    about_section,
    buttons,
    counted,
    what_will_change,
    where_it_takes_effect,
)
from gradtop.tui.screens.tune.weights import WeightsQuery

if TYPE_CHECKING:
    pass

WIDE = 100  # from this many columns on two columns of fields, and both panes below them
LOW = 16  # rows below which only the fields are shown


class Tune(FormActions):
    """A form over the declarations; nothing typed is lost before it is started, saved or taken back."""

    AUTO_FOCUS = "#form"
    CSS_PATH = "style.tcss"
    BINDINGS = bindings("tune")
    mode = "tune"
    read = staticmethod(read_tune)

    def __init__(self) -> None:
        super().__init__()
        self._can: tuple[object, bool] = ((), False)
        self._takes = (False, False)  # changes now, and in a fork

    def body(self) -> ComposeResult:
        yield Form(id="form")
        yield FilterRow(id="filter")
        with Horizontal(id="below"):
            yield FieldHelp(id="about")
            with Vertical(id="changes"):
                yield Differences(id="differences")
                yield LrPreview(id="curves")
                yield Actions(id="actions")

    def on_mount(self) -> None:
        self.form.ready = self.ready
        self.query_one("#changes").border_title = "what will change"
        self.explain("Reading the configuration …")

    def come_to_front(self) -> None:
        self.gradtop.expect_start()
        self.loader.come_to_front()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < WIDE, "-narrow")
        self.set_class(event.size.height < LOW, "-low")
        if event.size.width >= WIDE:
            self.remove_class("-changes")

    @property
    def is_read(self) -> bool:
        return self.draft is not None

    # From the run to the draft

    def show(self, snapshot: Snapshot) -> None:
        if isinstance(snapshot.part, TunePart):
            self.loader.follow(snapshot.part)
        takes = (self.live, self.forks)
        if takes != self._takes:
            self._takes = takes
            self.on_form_moved()
        else:
            self._draw_changes()

    def on_form_touched(self) -> None:
        self.loader.touched()

    def on_draft_loaded(self, message: DraftLoaded) -> None:
        self.loader.take(message)

    # Drawing

    def on_form_moved(self) -> None:
        draft, spec = self.draft, self.form.spec
        self.set_class(self.form.filter.shown, "-filtered")
        self.query_one(FilterRow).show_filter(self.form)
        if draft is None:
            return
        if self.gradtop.hides:
            self.show_whole()
        about = self.query_one(FieldHelp)
        section = self.form.key.rstrip(".") if self.form.key in self.form.stops() else ""
        about.border_title = spec.key if spec is not None else section
        count = len(draft.differences())
        hint = f"{counted(count)}: {keys.name('next')} shows, {keys.name('tune.start')} starts" if count else f"{keys.name('tune.start')} starts {'it again' if self.snapshot.facts.run is not None else 'a run'}"
        if draft.problems:
            hint = f"{len(draft.problems)} to fix: {keys.name('next')} shows"
        about.border_subtitle = hint if self.has_class("-narrow") else ""
        ways = where_it_takes_effect(spec.effect, live=self.live, forks=self.forks) if spec is not None else ""
        about.show(about_field(draft, spec, ways) if spec is not None else about_section(draft, section) if section else [])
        self._draw_changes()

    def on_weights_query_compared(self, message: WeightsQuery.Compared) -> None:
        if self.weights.take(message):
            self._draw_changes()

    def on_lr_preview_planned(self) -> None:
        self._draw_changes()  # the curves tell what a live change does

    def _draw_changes(self) -> None:
        draft = self.draft
        if draft is None:
            return
        self.set_class(draft.changes_something, "-changed")
        self.weights.ask(draft, way_of(draft, self.base.checkpoints, has_run=self.base.run is not None).checkpoint)
        self.set_class(self.query_one(LrPreview).follow(draft, self.base), "-curves")
        now = at_once_text(self.at_once, self.snapshot.facts.status.step)
        self.query_one(Differences).show_changes(*what_will_change(draft, self.base, self.way, live=self.live, stale=self.loader.stale, now=now, scaled=scaled_text(draft, self.snapshot.facts.status), weights=self.weights.known(draft)))
        can = [(words, action) for action, words in buttons(self.way, has_run=self.base.run is not None).items() if self.check_action(action, ())]
        main = "apply_live" if draft.strongest() == "live" and self.check_action("apply_live", ()) else "start"
        can.sort(key=lambda button: button[1] != main)
        self.query_one(Actions).show(can, main=main)
        if (can, self.form.editing) != self._can:
            self._can = (can, self.form.editing)
            self.refresh_bindings()

    def label(self, identity: str | None, label: str) -> str:
        if identity == "next":
            return ("fields" if self.has_class("-changes") else "changes") if self.has_class("-narrow") and not self.form.editing else ""
        if identity == "tune.start":
            return "fork" if self.way.checkpoint else "start"
        if identity == "tune.discard" and not self.check_action("discard", ()):
            return ""
        # The run's keys act here too; the bar has room for the form's own.
        return "" if identity in {"run.pause", "run.checkpoint", "run.stop", "log"} else super().label(identity, label)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        draft = self.draft if self.is_mounted else None
        can: bool
        if action in {"start", "start_next", "save", "start_job"}:
            can = draft is not None and draft.startable and not self.starter.busy
        elif action == "restart":
            can = draft is not None and draft.startable and not self.starter.busy and self.way.checkpoint is not None
        elif action == "fork":
            can = draft is not None and draft.startable and not self.starter.busy and bool(self.base.checkpoints)
        elif action == "apply_live":
            can = draft is not None and bool(draft.live_changes()) and self.live
        elif action == "enqueue_trial":
            can = draft is not None and draft.startable and self.base.search is not None
        elif action == "discard":
            can = draft is not None and draft.changes_something
        elif action in {"edit", "reset", "move", "beside", "section", "filter", "fold"}:
            can = draft is not None and not self.form.editing and not self.form.filtering and not self.has_class("-changes")
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

    def action_filter(self) -> None:
        self.form.open_filter()

    def action_fold(self) -> None:
        self.form.fold()

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
        from gradtop.tui.dialogs.choose import Choose

        def take(word: str | None) -> None:
            if word is not None:
                self.form.set_text(word)

        # What code of the user measures is declared nowhere; the run knows it.
        own = filter(is_own, self.snapshot.facts.status.metrics) if message.spec.key == MONITOR_KEY else ()
        words = tuple(dict.fromkeys((*message.spec.choices, *own, message.chosen)))
        self.app.push_screen(Choose(message.spec.name, words, message.chosen, message.at), take)

    def back(self) -> bool:
        """Escape: back to the fields, or to all of them; else take back what was typed, after a question."""
        if self.has_class("-changes"):
            self.turn(-1)
        elif self.form.clear_filter():
            return True
        elif self.draft is not None and self.draft.changes_something:
            self.action_discard()
        else:
            return False
        return True

    def action_discard(self) -> None:
        from gradtop.tui.dialogs.confirm import Confirm

        if self.draft is None or not self.draft.changes_something:
            return
        newest = self.loader.newest
        name = newest.name if newest is not None and newest.run is not None else "the defaults"
        question = Confirm(f"Discard {counted(len(self.draft.differences()))}?", f"The form is reset to the configuration of {name}.", "discard", "keep")
        self.app.push_screen(question, lambda yes: self.loader.reset() if yes else None)

    def unsaved(self) -> str:
        if not self.is_mounted or self.draft is None or not self.draft.changes_something:
            return ""
        if self.draft.config is not None and self.draft.config == self.starter.last:
            return ""  # the form takes the new run's configuration when it is looked at next
        return f"Tune has {counted(len(self.draft.differences()))} that no run uses."

    def copied(self) -> tuple[str, str]:
        spec = self.form.spec
        if self.draft is None or spec is None:
            return super().copied()
        return f"{spec.key}={self.draft.text(spec)}", "the setting"
