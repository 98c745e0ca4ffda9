"""Which widgets are rendered for a frame: those alone of which cells are seen that changed, and of them the lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from textual._compositor import ChopsUpdate, Compositor, ReflowResult
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget


class CellCompositor(Compositor):
    """Textual's own (8.2) goes through every line of every widget between the first and the last change of a frame.

    And it tells a widget of its size only where the layout before did not know it. Whoever looks a widget up after a scroll has that layout
    made anew, with what a new style shows since, and what it shows is never told.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[Widget, Size] = {}

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        hidden, shown, resized = super().reflow(parent, size)
        told, self._told = self._told, {widget: place.region.size for widget, place in self._full_map.items()}
        return ReflowResult(
            hidden=hidden,
            shown=shown | (self._told.keys() - told.keys()),
            resized=resized | {widget for widget, size in self._told.items() if told.get(widget, size) != size},
        )

    def _render_chops(self, crop: Region, is_rendered_line: Callable[[int], bool]) -> Sequence[Mapping[int, Strip]]:
        """For each line, by the column where it begins, what stands there.

        Textual's own renders what is covered too, cuts all lines wherever a widget begins or ends, and has each line remember its pieces.
        """
        lines: list[dict[int, Strip]] = [{} for _ in self.cuts]
        free = {y: [(crop.x, crop.right)] for y in crop.line_range if y < len(lines) and is_rendered_line(y)}
        for widget, (region, clip) in self.visible_widgets.items():  # the frontmost first
            shown = region.intersection(clip).intersection(crop)
            rows = [y for y in shown.line_range if any(start < shown.right and end > shown.x for start, end in free.get(y, ()))]
            if not rows or not shown:
                continue
            top = rows[0]
            strips = widget.render_lines(Region(shown.x - region.x, top - region.y, shown.width, rows[-1] + 1 - top))
            for y in rows:
                still = []
                for start, end in free.pop(y):
                    first, last = max(start, shown.x), min(end, shown.right)
                    if first >= last:
                        still.append((start, end))
                        continue
                    lines[y][first] = strips[y - top].crop(first - shown.x, last - shown.x)
                    still += [gap for gap in ((start, first), (last, end)) if gap[0] < gap[1]]
                if still:
                    free[y] = still
            if not free:
                break
        return [dict(sorted(line.items())) for line in lines]

    def render_partial_update(self) -> ChopsUpdate | None:
        regions, self._dirty_regions = self._dirty_regions, set()
        screen = self.size.region
        spans = [
            (y, first, last) for y, first, last in self._regions_to_spans(region.intersection(screen) for region in regions) if first < last
        ]
        if not spans:
            return None
        cuts = self.cuts
        chops: dict[int, dict[int, Strip | None]] = {}
        missing: set[tuple[int, int]] = set()  # line, and where a piece of it begins that is still to be drawn
        for y, first, last in spans:
            chops.setdefault(y, dict.fromkeys(cuts[y][:-1]))
            missing.update((y, start) for start, end in zip(cuts[y], cuts[y][1:], strict=False) if start < last and end > first)
        for widget, (region, clip) in self.visible_widgets.items():  # the frontmost first
            shown = region.intersection(clip)
            pieces = [(y, x) for y, x in missing if shown.contains(x, y)]
            if not pieces:
                continue
            top, bottom = min(y for y, _ in pieces), max(y for y, _ in pieces) + 1
            strips = widget.render_lines(Region(shown.x - region.x, top - region.y, shown.width, bottom - top))
            for y, x in pieces:
                end = cuts[y][cuts[y].index(x) + 1]
                chops[y][x] = strips[y - top].crop(x - shown.x, end - shown.x)
            missing.difference_update(pieces)
            if not missing:
                break
        ends = {y: cuts[y][1:] for y in chops}
        return ChopsUpdate(chops, spans, ends)  # type: ignore[arg-type]  # it looks at the lines of the spans alone


def forget_widget(compositor: Compositor, widget: Widget) -> None:
    """Leave a widget that is gone out of the layout there is, as the next one will."""
    if widget in compositor.widgets or widget in compositor._full_map:  # noqa: SLF001
        compositor.widgets.discard(widget)
        compositor._full_map.pop(widget, None)  # noqa: SLF001
        compositor._visible_map = compositor._visible_widgets = None  # noqa: SLF001
        compositor._layers = compositor._layers_visible = compositor._cuts = None  # noqa: SLF001
    if isinstance(compositor, CellCompositor):
        compositor._told.pop(widget, None)  # noqa: SLF001
