"""A screen that is first painted when all of it stands where it is to stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.widget import Widget

from gradtop.tui.framework.compositor import CellCompositor
from gradtop.tui.framework.pointing import Pointing

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp


class WholeScreen(Pointing[None]):
    """Lays itself out while the app hides it, and says when it is whole."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = CellCompositor()
        self._settles = 0

    @property
    def gradtop(self) -> GradtopApp:
        return cast("GradtopApp", self.app)

    def complete(self) -> bool:
        """Whether what it shows is what it will show, asked once it is laid out. Else it has to see to what is missing, and to call `show_whole` then."""
        return True

    def _compositor_refresh(self) -> None:
        # In the middle of a change Textual (8.2) renders whole frames and throws them away; after one it draws the first twice.
        if self.app._batch_count:  # noqa: SLF001 - it tells this to nobody else
            return
        if self.size.region in self._compositor._dirty_regions:  # noqa: SLF001
            self._repaint_required = False
        super()._compositor_refresh()

    def show_whole(self, *, late: bool = False) -> None:
        """Have it painted for the first time, once all of it stands where it is to stand; `late`: though it is not complete."""
        self._settles += 1
        self.call_after_refresh(self._settle, self._settles, late=late)

    def _settle(self, number: int, *, late: bool = False, calm: bool = False) -> None:
        """Lay it out unseen, as Textual (8.2) does not while nothing is painted, until no widget draws itself in another size."""
        if number != self._settles or not self.gradtop.hides:
            return
        if not self.is_current:
            self.gradtop.is_whole()
            return
        required = self._layout_required or self._scroll_required
        if calm and not required:
            if late or self.complete():
                self.gradtop.is_whole()
            return
        self._refresh_layout()
        self._layout_required = self._scroll_required = False
        widgets = list(self.walk_children(Widget))
        waits = len(widgets)

        def has_drawn() -> None:
            nonlocal waits
            waits -= 1
            if not waits:
                self.call_after_refresh(self._settle, number, late=late, calm=True)

        # Each widget has drawn itself once it has gone through the messages that tell of its size.
        for widget in widgets:
            if not widget.call_later(has_drawn):
                has_drawn()
