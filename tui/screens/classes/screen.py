"""How an evaluation tells the classes apart: confusion matrix, accuracy of each class, worst samples."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message

from gradtop.trainer.record.streams.registry import shown_by
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.classes.data import ClassesPart, ClassesView, read_classes, shares
from gradtop.tui.screens.classes.text import class_lines, copied, fits, matrix_lines, title_line, worst_lines
from gradtop.tui.widgets.heat_map import Heat, HeatMap

NO_WORST = "not kept of pixels"
NONE_YET = "The classes are counted in the first evaluation."
NO_CLASSES = "The classes of this run's samples were not counted: texts, values and several labels for each sample have none, and a run of an older version has not recorded them."
WIDE = 100  # from so many columns on the lists stand beside the matrix


class Matrix(Container):
    """Tells the screen when it has another size: whether figures fit depends on it."""

    class Resized(Message):
        """It has been laid out anew."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class Classes(ModeScreen):
    """The matrix in figures where these fit, else as a heat map; the list of classes is scrolled."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("classes")
    mode = "classes"
    streams = shown_by(mode)
    read = staticmethod(read_classes)

    def __init__(self) -> None:
        super().__init__()
        self._best, self._first = False, 0
        self._listed: list[TextLine] = []

    def body(self) -> ComposeResult:
        yield Lines(id="title")
        with Container(id="classes"):
            with Matrix(id="matrix"):
                yield Lines(id="figures")
                yield HeatMap(id="heat", colours=self.gradtop.capabilities.colours >= 256)
            with Vertical(id="lists"):
                yield Lines(id="per-class")
                yield Lines(id="worst")

    def on_mount(self) -> None:
        self.query_one("#matrix").border_title = "confusion matrix"
        self._name_lists()

    def _name_lists(self) -> None:
        wide, part = self.size.width >= WIDE, self.snapshot.part
        measure, unit = ("IoU", "pixels") if isinstance(part, ClassesPart) and part.of_pixels else ("accuracy", "samples")
        self.query_one("#per-class").border_title = f"lowest {measure} first{f': class, {measure}, {unit}' if wide else ''}"
        self.query_one("#worst").border_title = f"largest losses: sample, loss{', class' if wide else ''}"

    def view(self) -> ClassesView:
        return ClassesView(self._best)

    def show(self, snapshot: Snapshot) -> None:
        part, facts = snapshot.part, snapshot.facts
        if facts.run is None or not isinstance(part, ClassesPart):
            self.explain("" if facts.run else no_run_text())
            return
        self.explain("" if part.found is not None else NONE_YET if facts.alive and facts.status.val_loss is None else NO_CLASSES)
        if part.found is None:
            return
        self.query_one("#title", Lines).show([title_line(part, self.size.width)])
        self._name_lists()
        self._listed = class_lines(part.found, bars=self.size.width >= WIDE, of_pixels=part.of_pixels)
        self._scroll(0)
        self.query_one("#worst", Lines).show([[(f" {NO_WORST}", "muted")]] if part.of_pixels else list(worst_lines(part.found)))
        self._show_matrix(part)
        self.refresh_bindings()

    def _show_matrix(self, part: ClassesPart) -> None:
        found, heat, figures = part.found, self.query_one("#heat", HeatMap), self.query_one("#figures", Lines)
        size = self.query_one("#matrix").content_size
        if found is None or not size.width:
            return
        in_figures = fits(found, size.width, size.height)
        figures.display, heat.display = in_figures, not in_figures
        if in_figures:
            figures.show(matrix_lines(found))
            return
        across, down = heat.pixels(size.width, size.height)
        cells, side = shares(found, min(across, down))
        together = -(-found.classes // side)
        words = "class ↓ prediction →" + (f"   max of {together} × {together}" if together > 1 else "")
        heat.show(Heat((cells,), side, side, 0.0, 1.0, words=words))

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.set_class(self.size.width < WIDE, "-narrow")
        self._name_lists()

    def on_matrix_resized(self) -> None:
        if isinstance(self.snapshot.part, ClassesPart):
            self.show(self.snapshot)

    # Moving, choosing

    def _scroll(self, rows: int) -> None:
        lines = self.query_one("#per-class", Lines)
        most = max(0, len(self._listed) - max(1, lines.size.height))
        self._first = max(0, min(self._first + rows, most))
        lines.show(self._listed[self._first :])

    def action_scroll_rows(self, rows: int) -> None:
        self._scroll(rows)

    def on_mouse_scroll_down(self) -> None:
        self._scroll(1)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-1)

    def action_turn_page(self, pages: int) -> None:
        self._scroll(pages * max(1, self.query_one("#per-class", Lines).size.height - 1))

    def action_evaluation(self) -> None:
        """Switch between the newest and the best evaluation."""
        self._best = not self._best
        self.request_data()

    def label(self, identity: str | None, label: str) -> str:
        if identity == "classes.evaluation":
            return "newest" if self._best else "best"
        return super().label(identity, label)

    def back(self) -> bool:
        if super().back():
            return True
        self.gradtop.action_mode("overview")
        return True

    def copied(self) -> tuple[str, str]:
        part = self.snapshot.part
        if isinstance(part, ClassesPart) and part.found is not None:
            return copied(part.found), "the confusion matrix"
        return super().copied()
