"""Fills the form of Tune: with the newest configuration that was read, unless something was typed over another one.

At first as texts; what checks them is imported once somebody touches the form or stays with it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from textual.message import Message

from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.screens.tune.data import NOTHING, TunePart
from gradtop.tui.screens.tune.form import Form
from gradtop.tui.screens.tune.texts import FormTexts, unchecked

if TYPE_CHECKING:
    from gradtop.tui.screens.tune.draft import Draft

DRAFT = "gradtop.tui.screens.tune.draft"
STAYS = 3.0  # seconds: who only passes by leaves before


class DraftLoaded(Message):
    """The configuration that `part` holds as an empty draft; None and what is wrong where there is none."""

    def __init__(self, part: TunePart, draft: Draft | None, problem: str) -> None:
        super().__init__()
        self.part, self.draft, self.problem = part, draft, problem


class DraftLoader:
    """`newest` is what was read last, `base` what the draft of the form changes."""

    def __init__(self, screen: ModeScreen) -> None:
        self._screen = screen
        self.newest: TunePart | None = None
        self.base = NOTHING
        self._checking: TunePart | None = None  # what is being checked

    @property
    def _form(self) -> Form:
        return self._screen.query_one("#form", Form)

    @property
    def stale(self) -> bool:
        """Whether the draft changes another run's configuration than the one that is watched."""
        newest = self.newest.run if self.newest is not None else None
        return newest is not None and (self.base.run is None or self.base.run.path != newest.path)

    def follow(self, part: TunePart) -> None:
        """Take what was read; a draft of it is loaded where its configuration is new."""
        before, self.newest = self.newest, part
        if part.same_configuration(self.base) and before is not None:
            self.base = part  # the same but for its checkpoints
        if part.same_configuration(before):
            self.take_typed()
        else:
            self._load(part)

    def reset(self) -> None:
        """Drop what was typed."""
        if self.newest is not None:
            self._form.draft = None
            self._load(self.newest)

    def _load(self, part: TunePart) -> None:
        texts = unchecked(part) if DRAFT not in sys.modules else None
        if texts is None or self._typed is not None:
            self._check(part)
            return
        self.base = part
        self._stand(texts)
        self.take_typed()

    def come_to_front(self) -> None:
        """Somebody looks at the form, or passes by."""
        self._screen.set_timer(STAYS, lambda: self.touched() if self._screen.is_current else None)

    def touched(self) -> None:
        """Check what the form has, off the screen's own thread, where that has not begun."""
        texts = self._form.draft
        if texts is not None and not texts.checked and self._checking != self.base:
            self._check(self.base)

    def _check(self, part: TunePart) -> None:
        # Pydantic costs 0.14 s to import: not in the screen's own thread.
        self._checking = part
        self._screen.run_worker(lambda: self._screen.post_message(_loaded(part)), thread=True, name="configuration")

    def ready(self) -> Draft | None:
        """The form as a draft, now: somebody types or starts."""
        if self._form.draft is not None and not self._form.draft.checked:
            self._show(_loaded(self.base))
        return self.draft

    @property
    def draft(self) -> Draft | None:
        """What the form has, where it is checked."""
        return cast("Draft", self._form.draft) if self._form.draft is not None and self._form.draft.checked else None

    @property
    def _typed(self) -> Draft | None:
        """The draft, where something was typed into it."""
        return self.draft if self.draft is not None and self.draft.changes_something else None

    def take(self, loaded: DraftLoaded) -> None:
        """Show a draft that was loaded, or why there is none."""
        if not loaded.part.same_configuration(self.newest):
            return
        screen, form, mine = self._screen, self._form, self._typed
        if mine is not None and loaded.draft is not None and loaded.part.run == self.base.run:
            # The same run, changed live: what was typed stays, over what it has now.
            self.base = loaded.part
            form.take(mine.rebased(loaded.draft))
        elif mine is not None and (loaded.draft is None or mine.config != loaded.draft.base):
            form.draw()  # what was typed stays, over the configuration that it was typed over
        else:
            self._show(loaded)
        if form.draft is None:
            screen.call_after_refresh(screen.gradtop.is_whole)
        self.take_typed()

    def _show(self, loaded: DraftLoaded) -> None:
        if loaded.draft is None:
            self._form.draft = None
            self._screen.explain(f"run.toml of {loaded.part.name} is invalid:\n\n{loaded.problem}")
        else:
            self.base = loaded.part
            self._stand(loaded.draft)

    def _stand(self, texts: FormTexts) -> None:
        if self._form.draft is None and not self._screen.gradtop.hides and self._screen.is_current:
            self._screen.gradtop.hide_until_whole()  # it took long: the sentence that it is being read stays until the form stands
        self._screen.explain("")
        self._form.take(texts)

    def take_typed(self) -> None:
        """Type what another mode has asked for, once the form has the configuration that it is meant for."""
        typed = self._screen.gradtop.typed
        if not typed or self.base.run != self._screen.gradtop.watched or (draft := self.ready()) is None:
            return
        self._screen.gradtop.typed = {}
        fields = [draft.type(key, text) for key, text in typed.items()]
        self._form.draw()
        self._form.go(fields[0])


def _loaded(part: TunePart) -> DraftLoaded:
    import gradtop.trainer.launch.forks  # noqa: F401 - what the effect of a change needs comes with it
    from gradtop.tui.screens.tune.draft import Draft, make_base

    if part.run is not None and not part.tables:
        return DraftLoaded(part, None, "it is missing or not valid TOML")
    config, problem = make_base(part.tables, part.live)
    return DraftLoaded(part, Draft(config, failure=part.failure) if config is not None else None, problem)
