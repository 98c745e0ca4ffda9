"""1 Speed: samples per second with each combination of settings, and what it does to the loss."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.speed.data import SpeedPart, read_speeds
from gradtop.tui.screens.speed.text import HEAD, assignments, in_full, rows

BLOCK = "▆"


class Speed(ModeScreen):
    """A line for each combination, the fastest first; the cursor follows the one that is chosen until somebody moves it."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("speed")
    mode = "speed"
    streams = shown_by(mode)
    read = staticmethod(read_speeds)

    def __init__(self) -> None:
        super().__init__()
        self._at: int | None = None

    def body(self) -> ComposeResult:
        yield Lines(id="settings")
        yield Lines(id="chosen")

    def on_mount(self) -> None:
        self.query_one("#settings").border_title = "samples/s by setting"

    @property
    def part(self) -> SpeedPart:
        part = self.snapshot.part
        return part if isinstance(part, SpeedPart) else SpeedPart()

    @property
    def at(self) -> int:
        part = self.part
        place = self._at if self._at is not None else part.chosen or 0
        return min(place, max(len(part.settings) - 1, 0))

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._list)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.facts.run is None or not isinstance(snapshot.part, SpeedPart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        self._list()
        self.refresh_bindings()

    def _list(self) -> None:
        part, lines = self.part, self.query_one("#settings", Lines)
        width, height = lines.size
        if not part.settings:
            words = "nothing was measured" if part.ended else "the configuration as it is is being measured; the settings follow in turns"
            lines.show([[(f" {words}", "muted")]])
            self.query_one("#chosen", Lines).show([])
            return
        lines.show([HEAD, *rows(part, self.at, width, height - 1, block=BLOCK)])
        self.query_one("#chosen", Lines).show([in_full(part.settings[self.at], chosen=self.at == part.chosen, ended=part.ended)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"use", "choose"}:
            return True if self.is_mounted and self.part.settings else None
        return super().check_action(action, parameters)

    def action_choose(self, step: int) -> None:
        if self.part.settings:
            self._at = (self.at + step) % len(self.part.settings)
            self._list()

    def action_use(self) -> None:
        """Put the settings under the cursor into Tune: over the run that was measured, or over the configuration itself."""
        from gradtop.trainer.fields.text import to_text

        run = self.part.source or self.snapshot.facts.run
        if run is not None and self.part.settings:
            self.gradtop.tune(run, {key: to_text(value) for key, value in self.part.settings[self.at].changes.items()})

    def copied(self) -> tuple[str, str]:
        if self.part.settings:
            return assignments(self.part.settings[self.at].changes), "the settings"
        return super().copied()
