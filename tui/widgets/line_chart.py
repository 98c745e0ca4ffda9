"""The live chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart import Chart, Curve
from gradtop.tui.widgets.chart_renderer import TONES, ChartRenderer
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.tones import Tone

RANGE = 0.38
STYLES = {
    **{tone: Tone(f"line-{tone}") for tone in "abcd"},
    **{f"range-{tone}": Tone(f"line-{tone}", RANGE) for tone in "abcd"},
    "text": Tone("foreground"),
    "axis": Tone("border"),
    "tick": Tone("muted"),
    "value": Tone("foreground", bold=True),
    "band": Tone("muted", 0.75),
    "mark": Tone("muted"),
    "bad": Tone("error", bold=True),
    "cursor": Tone("foreground", bold=True),
    "empty": Tone("muted"),
}


class LineChart(Drawn, can_focus=True):
    """Lines over x on a braille grid: range dim, mean bright, NaN marked. Computed on data or resize, never while hidden."""

    DEFAULT_CSS = "LineChart { width: 1fr; height: 1fr; }"
    PALETTE: ClassVar[tuple[Tone, ...]] = tuple(STYLES[tone] for tone in TONES)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "cursor(-1)", "read left", show=False),
        Binding("right", "cursor(1)", "read right", show=False),
        Binding("shift+left", "cursor(-10)", "read 10 left", show=False),
        Binding("shift+right", "cursor(10)", "read 10 right", show=False),
        Binding("home", "cursor(-100000)", "first", show=False),
        Binding("end", "cursor(100000)", "last", show=False),
        Binding("escape", "drop_cursor", "no reading line", show=False),
    ]

    class CursorMoved(Message):
        """The reading line stands elsewhere, or is gone; `read` is what stands under it, in words."""

        def __init__(self, chart: LineChart, read: tuple[str, ...]) -> None:
            super().__init__()
            self.chart, self.read = chart, read

        @property
        def control(self) -> LineChart:
            return self.chart

    def __init__(
        self,
        *,
        empty: str = "nothing measured yet",
        x_name: str = "step",
        x_log: bool = False,
        unicode: bool | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._unicode = unicode
        self._picture: ChartRenderer | None = None
        self._chart = Chart(empty=empty, x_name=x_name, x_log=x_log)

    def set_series(
        self,
        lines: Sequence[Curve],
        *,
        log: bool = False,
        band: tuple[float, float] | None = None,
        band_word: str = "healthy",
        marks: Sequence[tuple[float, str]] = (),
        notes: Sequence[tuple[str, str]] = (),
        x_min: float = 0.0,
        x_max: float | None = None,
        y_range: tuple[float, float] | None = None,
    ) -> None:
        """Show these lines. The axis runs from `x_min` to `x_max` (else to the last x); give round ends, then only the tail moves.

        `band` is drawn as two dotted lines; `marks` are (x, words); `notes` are further (words, value) of the legend.
        """
        chart = Chart(
            tuple(lines), log, band, band_word, tuple(marks), tuple(notes), x_min, x_max, y_range, self._chart.x_name, self._chart.x_log,
            self._chart.empty,
        )  # fmt: skip
        if not unchanged(chart, self._chart):
            self._chart = chart
            self._draw()

    def set_empty(self, sentence: str) -> None:
        """What is said where there is nothing to draw."""
        if sentence != self._chart.empty:
            self._chart = replace(self._chart, empty=sentence)
            self._draw()

    @property
    def read(self) -> tuple[str, ...]:
        """What the legend says, in words: the newest values, or those under the cursor."""
        return self._picture.read if self._picture is not None else ()

    @property
    def cursor_x(self) -> float | None:
        """Where the reading line stands, None where there is none."""
        return self._picture.cursor_x if self._picture is not None else None

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        if self._picture is None:
            unicode = draws_unicode(self) if self._unicode is None else self._unicode
            self._picture = ChartRenderer(unicode=unicode, thin=self.app.native_ansi_color)
        self._picture.draw(self._chart, width, height)
        return self._picture.rows

    # The reading line

    def action_cursor(self, cells: int) -> None:
        """Move the reading line; it appears at the newest value."""
        if self._picture is None or not self._rows:
            return
        now = self._picture.cursor
        if now is None:
            self._set_cursor(0 if cells < -1000 else self._picture.newest(self._chart))
        else:
            self._set_cursor(max(0, min(self._picture.plot_width - 1, now + cells)))

    def action_drop_cursor(self) -> None:
        self._set_cursor(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "drop_cursor":
            return self._picture is not None and self._picture.cursor is not None
        return super().check_action(action, parameters)

    def _set_cursor(self, column: int | None) -> None:
        if self._picture is not None and column != self._picture.cursor:
            self._picture.cursor = column
            self._draw()
            self.post_message(self.CursorMoved(self, self._picture.read))

    def on_click(self, event: events.Click) -> None:
        if self._picture is not None and event.y < self._picture.plot_height and event.x >= self._picture.plot_left:
            self._set_cursor(event.x - self._picture.plot_left)


def unchanged(a: Chart, b: Chart) -> bool:
    """Whether two charts show the same; series count as the same only where they are the same object."""
    if len(a.lines) != len(b.lines) or any(x.series is not y.series for x, y in zip(a.lines, b.lines, strict=True)):
        return False
    plain = [(x.label, x.style, x.planned, x.value, x.text) for x in a.lines] == [(y.label, y.style, y.planned, y.value, y.text) for y in b.lines]
    rest = ("log", "band", "band_word", "marks", "notes", "x_min", "x_max", "y_range", "x_name", "empty")
    return plain and all(getattr(a, name) == getattr(b, name) for name in rest)
