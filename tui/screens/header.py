"""The two lines at the top of every mode: which run, how it is, how far; what it trains, and how old the figures are."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import get_character_cell_size
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui import format, states
from tui.snapshot import NO_RUN, Facts

Piece = tuple[str, str]  # text, tone
TONES = ("brand", "name", "text", "muted", "faint", "primary", "success", "warning", "error")
BAR = 34


class Header(Widget):
    """Draws facts into two lines and repaints only the cells that changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"header--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    Header {
        height: 2; width: 1fr; background: $background; color: $foreground;
        & > .header--brand { color: $muted; }
        & > .header--name { color: $foreground; text-style: bold; }
        & > .header--text { color: $foreground; }
        & > .header--muted { color: $muted; }
        & > .header--faint { color: $faint; }
        & > .header--primary { color: $primary; }
        & > .header--success { color: $success; }
        & > .header--warning { color: $warning; }
        & > .header--error { color: $error; }
    }
    """

    def __init__(self, *, unicode: bool = True) -> None:
        super().__init__()
        self._unicode = unicode
        self._facts = NO_RUN
        self._lines: list[list[Piece]] = [[], []]

    def show(self, facts: Facts) -> None:
        if facts is not self._facts:
            self._facts = facts
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.size.width
        if not width:
            return
        lines = [first_line(self._facts, width, self._unicode), second_line(self._facts, width)]
        for y, (old, new) in enumerate(zip(self._lines, lines, strict=True)):
            for start, end in changed_spans(cells(old), cells(new), width):
                self.refresh(Region(start, y, end - start, 1))
        self._lines = lines

    def render_line(self, y: int) -> Strip:
        pieces = self._lines[y] if y < len(self._lines) else []
        segments = [Segment(text, self.get_component_rich_style(f"header--{tone}")) for text, tone in pieces]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)


def first_line(facts: Facts, width: int, unicode: bool = True) -> list[Piece]:
    """Name, state, epoch, step, bar, percent, time left; what matters least goes first where there is little room."""
    if facts.run is None:
        return [(" gradtop", "brand")]
    status = facts.status
    share = min(1.0, status.step / status.steps) if status.steps else 0.0
    state: list[Piece] = [(f"{states.symbol(facts.state, unicode)} {facts.state}", states.tone(facts.state))]
    epoch = [("epoch ", "muted"), (f"{status.epoch}/{status.epochs}", "text")] if status.epochs else []
    step = [("step ", "muted"), (f"{format.number(status.step)}/{format.number(status.steps)}", "text")] if status.steps else []
    percent = [(f"{int(100 * share)} %", "text")] if status.steps else []
    left = [(f"{format.duration(facts.left)} ", "text"), ("left", "muted")] if facts.left is not None else []
    brand: list[Piece] = [("gradtop", "brand")]
    name: list[Piece] = [(facts.name, "name")]
    kept = [brand, name, state, epoch, step, percent, left]
    for dropped in (brand, epoch, percent, left, step):
        if length(kept, 2) + 1 <= width:
            break
        kept = [part for part in kept if part is not dropped]
    room = width - length(kept, 2) - 4
    if percent in kept and room >= 6:
        kept.insert(kept.index(percent), bar(share, min(BAR, room), unicode))
    return [(" ", "text"), *joined(kept, "  ")]


def second_line(facts: Facts, width: int) -> list[Piece]:
    """Model, optimizer, data, device, pace; on the right the age of the figures."""
    if facts.run is None:
        return []
    status = facts.status
    model = f"{status.model or facts.setting('model.kind', '')} {format.number(status.parameters) + ' parameters' if status.parameters else ''}"
    rate = f" lr {format.significant(status.lr)}" if status.lr is not None else ""
    batch = facts.setting("training.batch_size")
    parts = [
        model.strip(),
        f"{facts.setting('optimizer.kind', '')}{rate}".strip(),
        f"{facts.setting('data.kind', '')}{f', batch {batch}' if batch else ''}",
        status.device,
        f"{format.si(status.samples_per_s)} samples/s" if status.samples_per_s and facts.alive else "",
    ]
    kept = [part for part in parts if part]
    while kept and len(" · ".join(kept)) + len(facts.age) + 4 > width:
        kept.pop()
    text = " · ".join(kept)
    gap = max(1, width - len(text) - len(facts.age) - 2)
    return [(" " + text + " " * gap, "muted"), (facts.age, "success" if facts.age == "live" else "muted")]


def bar(share: float, width: int, unicode: bool = True) -> list[Piece]:
    """A progress bar that moves in half cells."""
    if not unicode:
        full = int(share * width)
        return [("=" * full, "primary"), ("-" * (width - full), "faint")]
    halves = int(share * width * 2)
    full, half = divmod(halves, 2)
    return [("━" * full + ("╸" if half else ""), "primary"), ("━" * (width - full - half), "faint")]


def joined(parts: list[list[Piece]], gap: str) -> list[Piece]:
    line: list[Piece] = []
    for part in parts:
        if part:
            line += [(gap, "text"), *part] if line else part
    return line


def length(parts: list[list[Piece]], gap: int) -> int:
    shown = [part for part in parts if part]
    return sum(len(cells(part)) for part in shown) + gap * (len(shown) - 1)


def cells(pieces: list[Piece]) -> list[Piece]:
    """One entry per terminal cell; a wide character takes two."""
    return [cell for text, tone in pieces for character in text for cell in [(character, tone)] * get_character_cell_size(character)]


def changed_spans(old: list[Piece], new: list[Piece], width: int, gap: int = 8) -> list[tuple[int, int]]:
    """Where two rows of cells differ, as half-open ranges; ranges closer than `gap` are one (moving the cursor costs bytes too)."""
    blank = (" ", "text")
    old, new = old + [blank] * (width - len(old)), new + [blank] * (width - len(new))
    spans: list[tuple[int, int]] = []
    for x in (x for x in range(width) if old[x] != new[x]):
        if spans and x - spans[-1][1] < gap:
            spans[-1] = (spans[-1][0], x + 1)
        else:
            spans.append((x, x + 1))
    return spans
