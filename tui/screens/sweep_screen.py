"""A mode of a run that measures variants of a checkpoint: one is under the cursor, with its layers, and is written where somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, cast

from textual import events

from gradtop.tui.framework.carried_out import carry_out
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.widgets.glyphs import draws_unicode

BLOCK, ASCII_BLOCK = "▆", "#"


class MeasuredVariant(Protocol):
    """`method` is "" of the checkpoint as it is."""

    @property
    def method(self) -> str: ...

    @property
    def error(self) -> str: ...

    @property
    def layers(self) -> Sequence[object]: ...


class SweepPart(Protocol):
    """`best` is the place of the variant that the cursor follows; `written` is what the checkpoint in the run is, "" where there is none."""

    @property
    def trials(self) -> Sequence[MeasuredVariant]: ...

    @property
    def best(self) -> int | None: ...

    @property
    def written(self) -> str: ...


class SweepScreen(ModeScreen):
    """The cursor follows the best variant until somebody moves it. The layers are shown by a widget named `layers`."""

    part_kind: ClassVar[type]

    def __init__(self) -> None:
        super().__init__()
        self._at: int | None = None
        self._first_layer = 0

    # What a mode of this kind fills in

    def draw(self) -> None:
        """Draw all of it, once it has its size."""

    def draw_layers(self) -> None:
        """Draw the layers of the variant under the cursor."""

    def layer_count(self) -> int:
        chosen = self.chosen
        return len(chosen.layers) if chosen is not None else 0

    # What they share

    @property
    def sweep(self) -> SweepPart:
        part = self.snapshot.part
        return cast("SweepPart", part if isinstance(part, self.part_kind) else self.part_kind())

    @property
    def at(self) -> int:
        """The row under the cursor."""
        part = self.sweep
        return min(self._at if self._at is not None else part.best or 0, max(len(part.trials) - 1, 0))

    @property
    def chosen(self) -> MeasuredVariant | None:
        part = self.sweep
        return part.trials[self.at] if part.trials else None

    @property
    def block(self) -> str:
        """What bars are made of."""
        return BLOCK if draws_unicode(self) else ASCII_BLOCK

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self.draw)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.facts.run is None or not isinstance(snapshot.part, self.part_kind):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        self.draw()
        self.refresh_bindings()

    def layers_in_view(self) -> tuple[Lines, str]:
        """The widget of the layers, of which those from the first in view on have room, and which they are where not all have."""
        lines = self.query_one("#layers", Lines)
        height, count = lines.size.height, self.layer_count()
        self._first_layer = max(0, min(self._first_layer, count - height)) if height else 0
        return lines, f", {self._first_layer + 1}–{min(self._first_layer + height, count)} of {count}" if count > height > 0 else ""

    def can_write(self) -> bool:
        chosen = self.chosen
        return chosen is not None and bool(chosen.method) and not chosen.error

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "write":
            return True if self.is_mounted and self.can_write() else None
        if action == "choose":
            return True if self.is_mounted and self.sweep.trials else None
        if action == "walk":
            return True if self.is_mounted and self.layer_count() > self.query_one("#layers").size.height > 0 else None
        return super().check_action(action, parameters)

    def action_choose(self, step: int) -> None:
        if count := len(self.sweep.trials):
            self._at = (self.at + step) % count
            self.draw()
            self.refresh_bindings()

    def action_walk(self, step: int) -> None:
        self._first_layer += step
        self.draw_layers()

    def ask_to_write(self, question: str, effect: str, title: str, choice: str) -> None:
        """Ask, and have the command of the job write this choice as a checkpoint of the run, in place of an earlier one."""
        from gradtop.tui.dialogs.confirm import Confirm

        run = self.snapshot.facts.run
        if run is None:
            return
        written = self.sweep.written
        instead = f" It takes the place of what is there ({written})." if written else ""

        def write(yes: bool | None) -> None:
            if yes:
                carry_out(self.gradtop, f"write {title}", (self.mode, run.where, "--write", choice))

        self.app.push_screen(Confirm(question, f"{effect}{instead}", "write", "back"), write)
