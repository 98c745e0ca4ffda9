"""What stands for a character where there is nothing but ASCII: on the screen and in what the commands print."""

from __future__ import annotations

import re

_PAIRS = {
    "\u202f": " ", "\u00a0": " ", "…": "~", "–": "-", "—": "-", "·": ".", "×": "x", "±": "+", "≥": ">", "≤": "<", "≈": "~", "∞": "8",
    "°": " ", "µ": "u", "●": "*", "◌": ".", "○": "o", "‖": "=", "■": "#", "□": "-", "✕": "x", "✗": "x", "†": "+", "✓": "v", "▲": "!", "△": "!",
    "▼": "v", "▾": "v", "▸": ">", "▴": "^", "◂": "<", "►": ">", "◄": "<", "→": ">", "←": "<", "↑": "^", "↓": "v", "↗": "/", "↘": "\\",
    "⟶": ">", "━": "=", "╸": "=", "╺": "=", "┈": ".", "┄": ".", "┊": ":", "┆": ":", "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-",
    "▆": "+", "▇": "#", "█": "#", "▌": "|", "▐": "|", "▀": "'", "▔": "-", "▏": "|", "▕": "|", "▎": "|", "▊": "#", "░": ".", "▒": ":",
    "▓": "#", "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9", "⁻": "-", "“": '"', "”": '"',
    "‘": "'", "’": "'", "•": "*", "∅": "0", "◆": "@",
}  # fmt: skip


def _likeness(code: int) -> str:
    """Boxes as + - |, dots as *, a question mark for what has no likeness."""
    character = chr(code)
    if 0x2500 <= code <= 0x257F:
        if character in "│┃║╎╏┇┊┋╽╿╷╵╹╻":
            return "|"
        return "-" if character in "─━═┄┅┈┉╌╍╴╶╸╺╼╾" else "+"
    if 0x2800 <= code <= 0x28FF:
        return " " if code == 0x2800 else "*"
    if 0x2580 <= code <= 0x259F:
        return "#"
    from rich.cells import cell_len  # not needed for what we draw ourselves

    return "?" * cell_len(character)


class _Table(dict[int, str]):
    def __missing__(self, code: int) -> str:
        found = self[code] = chr(code) if code < 128 else _PAIRS.get(chr(code)) or _likeness(code)
        return found


_TABLE = _Table()
# Between an old value and a new one, where > would compare them; in as many cells.
_BECOMES = re.compile(r"(?<=[^\s←]) → (?=\S)")


def to_ascii(text: str) -> str:
    """The same number of cells in ASCII: boxes, bars, arrows and symbols by their likeness, letters of other scripts as ?."""
    return text if text.isascii() else _BECOMES.sub(" ->", text).translate(_TABLE)
