"""What is drawn where a terminal has nothing but ASCII."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.widget import Widget

_PAIRS = {
    "\u202f": " ", "\u00a0": " ", "…": "~", "–": "-", "—": "-", "·": ".", "×": "x", "±": "+", "≥": ">", "≤": "<", "≈": "~", "∞": "8",
    "°": " ", "µ": "u", "●": "*", "◌": ".", "‖": "=", "■": "#", "□": "-", "✕": "x", "✗": "x", "†": "+", "✓": "v", "▲": "!", "△": "!",
    "▼": "v", "▾": "-", "▸": "+", "▴": "^", "◂": "<", "►": ">", "◄": "<", "→": ">", "←": "<", "↑": "^", "↓": "v", "↗": "/", "↘": "\\",
    "⟶": ">", "━": "=", "╸": "=", "╺": "=", "┈": ".", "┄": ".", "┊": ":", "┆": ":", "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-",
    "▆": "+", "▇": "#", "█": "#", "▌": "|", "▐": "|", "▀": "'", "▔": "-", "▏": "|", "▕": "|", "▎": "|", "▊": "#", "░": ".", "▒": ":",
    "▓": "#", "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9", "⁻": "-", "“": '"', "”": '"',
    "‘": "'", "’": "'", "•": "*", "∅": "0",
}  # fmt: skip


def _ascii_for(code: int) -> str:
    """Boxes as + - |, dots as *, a question mark for what has no likeness."""
    character = chr(code)
    if 0x2500 <= code <= 0x257F:
        if character in "│┃║╎╏┇┊┋╽╿╷╵╹╻":
            return "|"
        return "-" if character in "─━═┄┅┈┉╌╍╴╶╸╺╼╾" else "+"
    if 0x2800 <= code <= 0x28FF:
        return " " if code == 0x2800 else "*"
    return "#" if 0x2580 <= code <= 0x259F else "?"


class _Table(dict[int, str]):
    def __missing__(self, code: int) -> str:
        if code < 128:
            found = chr(code)
        else:
            character = chr(code)
            found = _PAIRS.get(character) or _ascii_for(code) * cell_len(character)
        self[code] = found
        return found


_TABLE = _Table()


def to_ascii(text: str) -> str:
    """The same number of cells in ASCII: boxes, bars, arrows and symbols by their likeness, letters of other scripts as ?."""
    return text if text.isascii() else text.translate(_TABLE)


class AsciiFilter(LineFilter):
    """Draws every widget of an app in ASCII; an app adds it to what `get_line_filters` returns."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]


def draws_unicode(widget: Widget) -> bool:
    """Whether the app's terminal has more than ASCII: the app's `unicode`, True where it has none."""
    return bool(getattr(widget.app, "unicode", True))
