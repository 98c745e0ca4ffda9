"""The live chart."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from gradtop.tui.widgets.cells import Cells, collected
from gradtop.tui.widgets.chart import Chart, Curve, Smoothed
from gradtop.tui.widgets.chart_renderer import ChartRenderer
from gradtop.tui.widgets.chart_styles import LINES, TONES
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.ruler import Ruler
from gradtop.tui.widgets.tones import Tone

RANGE = 0.38
WHEEL = 1.5  # times as close for each notch of the mouse wheel
NOTHING = Smoothed((), (), (), (), ())  # in place of a series where only the rest of a line is compared
STYLES = {
    **{tone: Tone(f"line-{tone}") for tone in LINES},
    **{f"range-{tone}": Tone(f"line-{tone}", RANGE) for tone in LINES},
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
        """The cursor stands elsewhere, or is gone; `read` is what stands under it, in words. A screen that `paints_cursors` paints what has
        `changed`, with the other charts in the same frame.
        """

        def __init__(self, chart: LineChart, read: tuple[str, ...], changed: AbstractSet[Widget]) -> None:
            super().__init__()
            self.chart, self.read, self.changed = chart, read, changed

        @property
        def control(self) -> LineChart:
            return self.chart

    class Wheeled(Message):
        """The mouse wheel was turned over a step: so many times as close is wanted."""

        def __init__(self, factor: float, step: float) -> None:
            super().__init__()
            self.factor, self.step = factor, step

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
        self.own_log: bool | None = None  # in place of what `set_series` asks for
        self._unicode = unicode
        self._picture: ChartRenderer | None = None
        self._ruler, self._smooth = Ruler(x_name, log=x_log), 0.0
        self._chart = Chart(empty=empty, ruler=self._ruler)

    def set_series(
        self,
        lines: Sequence[Curve],
        *,
        log: bool | None = False,
        band: tuple[float, float] | None = None,
        band_word: str = "healthy",
        marks: Sequence[tuple[float, str]] = (),
        notches: Sequence[tuple[float, str]] = (),
        notes: Sequence[tuple[str, str | float]] = (),
        x_min: float = 0.0,
        x_max: float | None = None,
        y_range: tuple[float, float] | None = None,
        smooth: bool = True,
    ) -> None:
        """Show these lines. The axis runs from `x_min` to `x_max` (else to the last x); give round ends, then only the tail moves.

        `log` None draws over decades where the data span them; `band` is drawn as two dotted lines; `marks` and `notches` are
        (x, words); `notes` are further (words, value) of the legend; `smooth` is False where a moving average would say nothing.
        """
        chart = self._chart._replace(
            lines=tuple(lines), log=log if self.own_log is None else self.own_log, band=band, band_word=band_word, marks=tuple(marks), notches=tuple(notches),
            notes=tuple(notes), x_min=x_min, x_max=x_max, y_range=y_range, ruler=self._ruler,
            smooth=self._smooth if smooth else 0.0,
        )  # fmt: skip
        if not unchanged(chart, self._chart):
            self._chart = chart
            self._draw()

    def set_ruler(self, ruler: Ruler, smooth: float = 0.0) -> None:
        """What stands along the bottom, and the decay of the moving average; drawn with the next series."""
        self._ruler, self._smooth = ruler, smooth

    def set_empty(self, sentence: str) -> None:
        """What is said where there is nothing to draw."""
        if sentence != self._chart.empty:
            self._chart = self._chart._replace(empty=sentence)
            self._draw()

    @property
    def read(self) -> tuple[str, ...]:
        """What the legend says, in words: the newest values, or those under the cursor."""
        return self._picture.read if self._picture is not None else ()

    @property
    def cursor_x(self) -> float | None:
        """The step at which the cursor stands, None where there is none."""
        return self._picture.cursor if self._picture is not None else None

    @property
    def is_log(self) -> bool:
        """Whether the vertical axis is logarithmic now."""
        return self._picture is not None and self._picture.is_log

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        if self._picture is None:
            unicode = draws_unicode(self) if self._unicode is None else self._unicode
            self._picture = ChartRenderer(unicode=unicode, thin=self.app.native_ansi_color)
        self._picture.draw(self._chart, width, height)
        return self._picture.rows

    # The cursor

    def action_cursor(self, cells: int) -> None:
        """Move the cursor by about so many cells, to a point that was measured; it appears at the newest one."""
        if self._picture is not None and self._rows:
            self._move_cursor(self._picture.moved(self._chart, cells))

    def action_drop_cursor(self) -> None:
        self._move_cursor(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "drop_cursor":
            return self._picture is not None and self._picture.cursor is not None
        return super().check_action(action, parameters)

    def set_cursor(self, step: float | None) -> None:
        """Show the cursor at a step, as another chart has it."""
        if self._picture is not None and step != self._picture.cursor:
            self._picture.cursor = step
            self._draw()

    def _move_cursor(self, step: float | None) -> None:
        if self._picture is not None and step != self._picture.cursor:
            changed: AbstractSet[Widget] = frozenset()
            if getattr(self.screen, "paints_cursors", False):
                with collected() as changed:
                    self.set_cursor(step)
            else:
                self.set_cursor(step)
            self.post_message(self.CursorMoved(self, self._picture.read, changed))

    def on_click(self, event: events.Click) -> None:
        if (place := self._place(event)) is not None:
            self._move_cursor(place)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._turn_wheel(event, WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._turn_wheel(event, 1 / WHEEL)

    def _turn_wheel(self, event: events.MouseEvent, factor: float) -> None:
        if (place := self._place(event)) is not None:
            event.stop()
            self.post_message(self.Wheeled(factor, place))

    def _place(self, event: events.MouseEvent) -> float | None:
        """The point nearest to the mouse, where that is in the plot."""
        picture, offset = self._picture, event.get_content_offset(self)
        if picture is None or offset is None or not picture.plot_left <= offset.x or not offset.y < picture.plot_top + picture.plot_height:
            return None
        return picture.place_at(self._chart, offset.x - picture.plot_left)


def unchanged(a: Chart, b: Chart) -> bool:
    """Whether two charts show the same; series count as the same only where they are the same object."""
    if len(a.lines) != len(b.lines) or any(x.series is not y.series for x, y in zip(a.lines, b.lines, strict=True)):
        return False
    plain = [x._replace(series=NOTHING) for x in a.lines] == [y._replace(series=NOTHING) for y in b.lines]
    rest = ("log", "band", "band_word", "marks", "notches", "notes", "x_min", "x_max", "y_range", "ruler", "smooth", "empty")
    return plain and all(getattr(a, name) == getattr(b, name) for name in rest)
