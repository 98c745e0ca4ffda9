"""What the worker printed, over the lower part of any mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from gradtop.trainer.record import Run, clean
from gradtop.tui import keys
from gradtop.tui.framework.dialog import Dialog
from gradtop.tui.framework.mode_screen import bound
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.widgets.log_view import LogView

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp


class Log(Dialog[None]):
    """The last lines of worker.log; follows while its end is seen."""

    CSS_PATH = "log.tcss"
    AUTO_FOCUS = "LogView"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,L,q", "dismiss", "close", id="log.close", tooltip="Close the log."),
        *bound([keys.HELP]),
        Binding("y", "copy", "copy", id="log.copy", tooltip="Copy the path of the log."),
    ]

    def __init__(self, run: Run, name: str) -> None:
        super().__init__()
        self._run, self._title, self._subtitle = run, clean(name, 100), ""

    @property
    def gradtop(self) -> GradtopApp:
        return cast("GradtopApp", self.app)

    def compose(self) -> ComposeResult:
        yield LogView(empty="The worker has not printed anything yet.")

    def on_mount(self) -> None:
        self.query_one(LogView).border_title = f"worker.log of {self._title}".replace("[", r"\[")
        self.gradtop.read_log(self._run)

    def on_unmount(self) -> None:
        self.gradtop.read_log(None)

    def on_screen_suspend(self) -> None:
        self.gradtop.read_log(None)

    def on_screen_resume(self, event: events.ScreenResume) -> None:  # noqa: ARG002 - beside the one of all dialogs
        self.gradtop.read_log(self._run)

    def receive(self, snapshot: Snapshot) -> None:
        if self.is_mounted and snapshot.log.run == self._run:
            self.query_one(LogView).set_lines(snapshot.log.lines)

    def on_log_view_scrolled(self, message: LogView.Scrolled) -> None:
        view = message.view
        where = "following" if view.follows else f"{view.below} lines below · end: latest"
        subtitle = f"{where} · y copies the path · esc closes"
        if subtitle != self._subtitle:  # setting it paints the whole pane
            self._subtitle = subtitle
            view.border_subtitle = subtitle

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(str(self._run.log))
        self.notify(f"copied the log's path: {self._run.log}")
