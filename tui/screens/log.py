"""What the worker printed, over the lower half of any mode."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.snapshot import Snapshot
from tui.widgets.log_view import LogView


class Log(ModalScreen[None]):
    """The last lines of worker.log; follows while its end is seen."""

    CSS_PATH = "log.tcss"
    AUTO_FOCUS = "LogView"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,l,q", "dismiss", "close", id="log.close", tooltip="Close the log."),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._title = name

    def compose(self) -> ComposeResult:
        log = LogView()
        log.border_title = f"worker.log of {self._title}"
        log.border_subtitle = "↑↓ scroll · end follows · y copies the path · esc closes"
        yield log

    def receive(self, snapshot: Snapshot) -> None:
        self.query_one(LogView).set_lines(snapshot.log)
