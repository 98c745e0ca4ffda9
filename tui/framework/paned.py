"""The charted mode of several panes: as many as fit stand together, Tab turns the page, Enter shows one alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events

from gradtop.tui.framework.charted import StepsScreen
from gradtop.tui.widgets.line_chart import LineChart

WIDE = 100  # from this many columns on two panes stand side by side
NARROW = 80  # below, one pane fills the screen


class PanedScreen(StepsScreen):
    """`body` yields a container `#panes` with a widget for each of `PANES`, by its id; `panes` are those that have something to show."""

    PANES: ClassVar[tuple[str, ...]] = ()
    MOST: ClassVar[int] = 3  # panes below one another
    LEAST: ClassVar[int] = 8  # rows of a pane
    ALL_ROWS: ClassVar[str | None] = None  # the heights of the rows where all panes are shown in two columns, as `grid-rows` has them

    def __init__(self) -> None:
        super().__init__()
        self._page = 0
        self._zoomed = ""
        self._shape = (0, 0)

    @property
    def panes(self) -> Sequence[str]:
        return self.PANES

    def on_mount(self) -> None:
        self.lay_out()  # else a first layout would be for nothing

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.lay_out()

    def lay_out(self) -> None:
        """Lay the panes out in pages of as many as fit."""
        if not self.app.is_running:  # leaving: the screens are being taken apart
            return
        size = self.size or self.app.size
        width, height = size.width, self.query_one("#body").size.height or size.height - 3
        if self._zoomed not in self.panes:
            self._zoomed = ""
        columns = 2 if width >= WIDE and not self._zoomed else 1
        most = min(self.MOST, -(-len(self.panes) // columns))
        rows = 1 if width < NARROW or self._zoomed else max(1, min(most, height // self.LEAST))
        self._shape = (columns, rows)
        shown = self.shown_panes
        grid = self.query_one("#panes")
        for pane in grid.children:
            pane.display = pane.id in shown
        across = min(columns, len(shown))  # the last page may have one alone
        grid.styles.grid_size_columns = across
        grid.styles.grid_size_rows = -(-len(shown) // across)
        # A class would have all panes styled anew.
        grid.styles.grid_rows = self.ALL_ROWS if tuple(shown) == self.PANES and columns == 2 else None
        self.refresh_bindings()

    @property
    def pages(self) -> int:
        columns, rows = self._shape
        return 1 if self._zoomed or not columns else -(-len(self.panes) // (columns * rows))

    @property
    def shown_panes(self) -> Sequence[str]:
        if self._zoomed:
            return (self._zoomed,)
        size = self._shape[0] * self._shape[1]
        self._page %= self.pages
        return self.panes[self._page * size : (self._page + 1) * size]

    def turn(self, step: int) -> None:
        """Tab: the next page where there are several, else the next chart."""
        if self.pages == 1:
            super().turn(step)
            return
        self._page = (self._page + step) % self.pages
        self.lay_out()
        if self.focused is not None:
            self.set_focus(None)

    def label(self, identity: str | None, label: str) -> str:
        if identity == "next" and self.pages > 1 and not self.is_explained:
            return f"{self._page + 1}/{self.pages}"
        return super().label(identity, label)

    def action_step(self, step: int) -> None:
        """Up and down: the pane below or above; the first where none has the focus."""
        shown = [name for name in self.shown_panes if self.query_one(f"#{name}").can_focus]
        name = self.focused.id if self.focused is not None else None
        place = shown.index(name) + step * self._shape[0] if name in shown else 0
        if 0 <= place < len(shown):
            self.set_focus(self.query_one(f"#{shown[place]}"))

    # One pane alone

    @property
    def is_inside(self) -> bool:
        return bool(self._zoomed)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "zoom":
            return None if self._zoomed else True
        return super().check_action(action, parameters)

    def action_zoom(self) -> None:
        """Show the focused pane alone, the first where none is."""
        if self._zoomed:
            return
        focused = self.focused.id if self.focused is not None else None
        self._zoomed = focused if focused is not None and focused in self.panes else self.shown_panes[0]
        self.lay_out()
        self.set_focus(self.query_one(f"#{self._zoomed}"))

    def back(self) -> bool:
        if not self._zoomed:
            return super().back()
        self._zoomed = ""
        self.lay_out()
        return True

    def copied(self) -> tuple[str, str]:
        chart = self.focused
        if isinstance(chart, LineChart) and chart.read:
            return f"{chart.border_title}: {', '.join(chart.read)}", "what the chart says"
        return super().copied()
