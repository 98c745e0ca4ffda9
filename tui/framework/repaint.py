"""The bytes of a frame: the changed cells, and of their styles what differs from the one before. Over ssh each byte counts.

All that the screen draws passes here, and loses what could steer a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record.text import CONTROLS

PlacedStrip = tuple[int, int, Strip]  # row, column of its first cell, and what stands there
Codes = tuple[str, str, str]  # of the attributes, the foreground, the background

PLAIN: Codes = ("", "39", "49")
ATTRIBUTES = {0: "1", 1: "2", 2: "3", 3: "4", 4: "5", 5: "6", 6: "7", 7: "8", 8: "9", 9: "21", 10: "51", 11: "52", 12: "53"}
STYLES = 1024  # remembered, and steps from one to another: a frame has some dozens, and an hour's frames bring ever other steps
SEEN_ON_SPACES = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 9 | 1 << 12  # underline, reverse, strike, double underline, overline


class CellRun(NamedTuple):
    """Cells of one style side by side; `blank` ones show nothing of their foreground."""

    y: int
    x: int
    cells: int
    text: str
    codes: Codes
    blank: bool


class Repaint(CompositorUpdate):
    """Textual's updates, written in fewer bytes: theirs (8.2) begins at a widget's left edge, and resets and repeats each style."""

    def __init__(self, pieces: Iterable[PlacedStrip], *, scattered: bool = False) -> None:
        """`scattered`: the pieces lie apart, so that it may take fewer bytes to write all of one style after another."""
        self.pieces = list(pieces)
        self.scattered = scattered
        self.size = 0  # bytes, once they were written

    @classmethod
    def of(cls, update: ChopsUpdate | LayoutUpdate) -> Repaint:
        return cls(changed(update), scattered=True) if isinstance(update, ChopsUpdate) else cls(whole(update))

    def render_segments(self, console: Console) -> str:
        """The escape sequences."""
        runs = self._runs(console._color_system or ColorSystem.TRUECOLOR)  # noqa: SLF001 - as Textual reads it
        sequences = sequences_of(runs)
        if self.scattered:
            sequences = min(sequences, sequences_of(by_style(runs)), key=len)
        self.size = len(sequences.encode())
        return sequences

    def _runs(self, system: ColorSystem) -> list[CellRun]:
        runs: list[CellRun] = []
        for y, start, strip in self.pieces:
            x = start
            for text, style, _control in strip:
                shown = harmless(text)
                if style is not None and style.link:
                    shown = f"\x1b]8;id={style.link_id};{harmless(style.link)}\x1b\\{shown}\x1b]8;;\x1b\\"
                cells = cell_len(text)
                runs.append(CellRun(y, x, cells, shown, codes(style, system) if style is not None else PLAIN, text.isspace() and not inked(style)))
                x += cells
        return runs


def sequences_of(runs: Iterable[CellRun]) -> str:
    """What draws the runs in their order."""
    written: list[str] = []
    now, row, column = PLAIN, -1, -1
    for run in runs:
        if run.y != row:
            written.append(f"\x1b[{run.y + 1};{run.x + 1}H")
        elif run.x != column:
            written.append(f"\x1b[{run.x + 1}G")
        row, column = run.y, run.x + run.cells
        wanted = run.codes
        if run.blank and wanted[0] == now[0]:
            wanted = (wanted[0], now[1], wanted[2])
        if wanted != now:
            written.append(change(now, wanted))
            now = wanted
        written.append(run.text)
    written.append(change(now, PLAIN))
    return "".join(written)


def by_style(runs: Iterable[CellRun]) -> list[CellRun]:
    """The runs of one style one after another; blanks go with the first that has their background."""
    groups: dict[Codes, list[CellRun]] = {}
    blanks: list[CellRun] = []
    for run in runs:
        (blanks if run.blank else groups.setdefault(run.codes, [])).append(run)
    for run in blanks:
        fits = (codes for codes in groups if codes[0] == run.codes[0] and codes[2] == run.codes[2])
        groups.setdefault(next(fits, run.codes), []).append(run)
    order = sorted(groups, key=lambda codes: (codes[0], codes[2]))
    return [run for codes in order for run in sorted(groups[codes], key=lambda run: (run.y, run.x))]


def changed(update: ChopsUpdate) -> Iterator[PlacedStrip]:
    """The cells of the spans, which begin and end within what a line is cut into."""
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < last and end > first:
                start = max(x, first)
                yield y, start, strip.crop(start - x, min(end, last) - x)


def whole(update: LayoutUpdate) -> Iterator[PlacedStrip]:
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            yield y, x, strip
            x += strip.cell_length


def harmless(text: str) -> str:
    """The text in as many cells, with nothing in it that steers a terminal, wherever it came from."""
    if text.isprintable():
        return text
    kept = ((CONTROLS.get(ord(character), character), cell_len(character)) for character in text)
    return "".join(shown if shown is not None and cell_len(shown) == cells else " " * cells for shown, cells in kept)


@lru_cache(STYLES)
def codes(style: Style, system: ColorSystem) -> Codes:
    """The parameters of SGR for a style."""
    attributes = style._attributes & style._set_attributes  # noqa: SLF001 - Rich names each of them alone
    found = [code for bit, code in ATTRIBUTES.items() if attributes >> bit & 1]
    foreground = ";".join(style.color.downgrade(system).get_ansi_codes()) if style.color is not None else PLAIN[1]
    background = ";".join(style.bgcolor.downgrade(system).get_ansi_codes(foreground=False)) if style.bgcolor is not None else PLAIN[2]
    return ";".join(found), foreground, background


@lru_cache(STYLES)
def change(now: Codes, wanted: Codes) -> str:
    """The sequence that leads from one style to another."""
    if now == wanted:
        return ""
    if wanted == PLAIN:
        return "\x1b[m"
    reset = now[0] != wanted[0]
    before = PLAIN if reset else now
    different = [code for code, old in zip(wanted, before, strict=True) if code != old]
    return f"\x1b[{';'.join(['0', *different] if reset else different)}m"


def inked(style: Style | None) -> bool:
    """Whether a space of this style shows its foreground."""
    return style is not None and bool(style._attributes & style._set_attributes & SEEN_ON_SPACES)  # noqa: SLF001
