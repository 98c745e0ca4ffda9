"""Two runs side by side, over whatever mode asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from gradtop.trainer.analysis.compare import Comparison, Pair, compare, nested
from gradtop.trainer.record import Run
from gradtop.tui import keys
from gradtop.tui.format import ellipsis
from gradtop.tui.framework.dialog import Dialog
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import bound
from gradtop.tui.widgets.options import Scrolled

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp

NARROW = 60  # cells, before the size is known
NAME = 24  # cells of the first column, where there is room
VALUE = 11  # of a value, at least: 3 960/3 960


class Compare(Dialog[None]):
    """What differs in the configurations, and the results; read in the poll thread."""

    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([keys.HELP]),
        Binding("escape,q,x,enter", "dismiss(None)", "back", id="compare.back", tooltip="Back to the list."),
    ]

    class Read(Message):
        """What was found."""

        def __init__(self, found: Comparison) -> None:
            super().__init__()
            self.found = found

    def __init__(self, one: Run, other: Run) -> None:
        super().__init__()
        self._runs = (one, other)
        self.found: Comparison | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="compare"), Scrolled():
            yield Side(id="side")

    def on_mount(self) -> None:
        pane = self.query_one("#compare")
        pane.border_title, pane.border_subtitle = "comparison", "esc closes"
        one, other = self._runs
        poll = cast("GradtopApp", self.app).poll
        poll.do(lambda: self.post_message(self.Read(compare(one, other, clock=poll.clock))))

    def on_compare_read(self, message: Read) -> None:
        self.found = message.found
        self.query_one(Side).show_comparison(message.found)


class Side(Lines):
    """The comparison, in three columns."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._found = Comparison()

    def show_comparison(self, found: Comparison) -> None:
        self._found = found
        self.styles.height = len(composed(found, self.size.width or NARROW))
        self.show(())

    def on_resize(self) -> None:
        if self.size.width:
            self.styles.height = len(composed(self._found, self.size.width))
        super().on_resize()

    def lines(self, width: int, height: int) -> Sequence[TextLine]:  # noqa: ARG002 - as Lines calls it
        return composed(self._found, width)


def composed(found: Comparison, width: int) -> list[TextLine]:
    """What cannot be read of the runs, below their names; results, then what differs, each value in its own column."""
    from textwrap import wrap

    if not found.names[0]:
        return [[("reading …", "muted")]]
    keys = nested(found.settings)
    longest = max((len(pair.name) + 1 for pair in found.results), default=0)
    name = max(12, min(NAME, max(width // 4, min(longest, width // 3))), min(max((len(pair.name) + 2 * depth + 2 for depth, pair in keys), default=0), width // 3))
    room = width - name - 3
    column = last = max(6, room // 3)
    # A difference has its percentage where the values leave room for it.
    if (widest := max((len(pair.difference) for pair in found.results), default=0)) > last and room - widest >= 2 * VALUE:
        column, last = (room - widest) // 2, widest
    lines: list[TextLine] = [row(("", *found.names, "difference"), name, column, last, ("strong", "strong", "muted"))]
    for problem in found.problems:
        lines += [[(line, "error")] for line in wrap(problem, max(20, width), subsequent_indent="  ")]
    lines += [paired(pair, name, column, last) for pair in found.results]
    lines.append([("", "text")])
    for sentence in found.remarks:
        lines += [[(line, "warning" if sentence == found.apart else "text")] for line in wrap(sentence, max(20, width), subsequent_indent="  ")]
    if found.settings:
        lines.append([("differences", "muted")])
        lines += [setting(depth, pair, name, column, last) for depth, pair in keys]
    if not found.problems:
        lines.append([(found.same_text, "muted")])
    return lines


def setting(depth: int, pair: Pair, name: int, column: int, last: int) -> TextLine:
    """A key beneath its sections, whose lines have no values."""
    words = "  " * (depth + 1) + pair.name
    if not pair.one and not pair.other:
        return [(words, "muted")]
    first, one, _other, _difference = row((words, pair.one, "", ""), name, column, last, ("text", "text", "muted"))
    return [first, one, (ellipsis(pair.other, column + last), "text")]


def paired(pair: Pair, name: int, column: int, last: int) -> TextLine:
    tones = tuple("success" if pair.better == index else "text" for index in (0, 1))
    marks = tuple(" ✓" if pair.better == index else "" for index in (0, 1))
    return row((pair.name, f"{pair.one}{marks[0]}", f"{pair.other}{marks[1]}", pair.difference), name, column, last, (tones[0], tones[1], "muted"))


def row(words: tuple[str, str, str, str], name: int, column: int, last: int, tones: tuple[str, str, str]) -> TextLine:
    first, *values = words
    return [
        (ellipsis(first, name).ljust(name + 1), "muted"),
        *((ellipsis(value, wide).ljust(wide + 1), tone) for value, wide, tone in zip(values, (column, column, last), tones, strict=True)),
    ]
