"""A row of terminal cells, what changed between two of them, and the strip that draws one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # would move the terminal's cursor, or do worse
GAP = 4  # spans closer than this are repainted as one: moving the terminal's cursor costs bytes too


class Cells:
    """One entry per cell: a character, "" for the second half of a wide one; and per cell the number of a tone."""

    __slots__ = ("text", "tones")

    def __init__(self, width: int, tone: int = 0) -> None:
        self.text = [" "] * width
        self.tones = bytearray([tone]) * width

    def copy(self) -> Cells:
        other = Cells.__new__(Cells)
        other.text, other.tones = self.text[:], self.tones[:]
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cells) and self.text == other.text and self.tones == other.tones

    __hash__ = None  # type: ignore[assignment]

    def put(self, x: int, text: str, tone: int) -> int:
        """Write text from cell `x` on, cut at both ends of the row; returns the cell after it."""
        width = len(self.text)
        if UNSAFE.search(text):
            text = UNSAFE.sub(" ", text)
        if text.isascii() or cell_len(text) == len(text):
            skip = max(0, -x)
            shown = text[skip : max(skip, width - x)]
            self.text[x + skip : x + skip + len(shown)] = shown
            self.tones[x + skip : x + skip + len(shown)] = bytes([tone]) * len(shown)
            return x + len(text)
        for character in text:
            size = get_character_cell_size(character)
            if size and x >= 0 and x + size <= width:
                self.text[x : x + size] = [character, ""][:size]
                self.tones[x : x + size] = bytes([tone]) * size
            elif not size and 0 < x <= width and self.text[x - 1]:
                self.text[x - 1] += character
            x += size
        return x

    def paint(self, start: int, end: int, tone: int) -> None:
        """Give cells another tone."""
        start, end = max(0, start), min(end, len(self.tones))
        if end > start:
            self.tones[start:end] = bytes([tone]) * (end - start)

    def strip(self, styles: Sequence[Style]) -> Strip:
        """The row as segments of one style each; `styles` is indexed by tone."""
        segments, start, text = [], 0, self.text
        for tone, group in groupby(self.tones):
            end = start + sum(1 for _ in group)
            segments.append(Segment("".join(text[start:end]), styles[tone]))
            start = end
        return Strip(segments, len(text))


def spans(old: Cells, new: Cells) -> list[tuple[int, int]]:
    """Where two rows of the same width differ, as half-open ranges that cut no wide character in half."""
    if old is new or (old.text == new.text and old.tones == new.tones):
        return []
    found: list[tuple[int, int]] = []
    pairs: Iterable[tuple[str, str, int, int]] = zip(old.text, new.text, old.tones, new.tones, strict=True)
    for x, (a, b, s, t) in enumerate(pairs):
        if a != b or s != t:
            if found and x - found[-1][1] < GAP:
                found[-1] = (found[-1][0], x + 1)
            else:
                found.append((x, x + 1))
    return [_whole(old, new, start, end) for start, end in found]


_changed: set[Widget] | None = None


@contextmanager
def collected() -> Iterator[set[Widget]]:
    """Meanwhile widgets whose cells change do not ask Textual for a repaint each; whoever collects them paints them together."""
    global _changed  # noqa: PLW0603 - all widgets are drawn in one thread
    outer, _changed = _changed, set()
    try:
        yield _changed
    finally:
        _changed = outer


def repaint(widget: Widget, old: Sequence[Cells], new: Sequence[Cells]) -> None:
    """Have a widget draw the cells that are other ones than before; all of them in another size."""
    if len(old) != len(new) or any(len(before.text) != len(after.text) for before, after in zip(old, new, strict=True)):
        widget.refresh()
        return
    refresh(widget, [Region(start, y, end - start, 1) for y, (a, b) in enumerate(zip(old, new, strict=True)) for start, end in spans(a, b)])


def refresh(widget: Widget, regions: Sequence[Region]) -> None:
    """Have parts of a widget drawn, given from its content's corner on."""
    if not regions:
        return
    if _changed is None:
        widget.refresh(*regions)
        return
    # What `refresh` does for regions, less the caches of size and style, which other text does not change.
    offset = widget.content_offset
    regions = [region.translate(offset) for region in regions]
    widget._repaint_regions.update(regions)  # noqa: SLF001
    widget._styles_cache.set_dirty(*regions)  # noqa: SLF001
    _changed.add(widget)


def _whole(old: Cells, new: Cells, start: int, end: int) -> tuple[int, int]:
    while start and not (old.text[start] and new.text[start]):
        start -= 1
    while end < len(new.text) and not (old.text[end] and new.text[end]):
        end += 1
    return start, end
