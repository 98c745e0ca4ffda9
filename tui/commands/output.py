"""What the commands print: aligned tables, JSON that every reader accepts, characters that the terminal has."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TextIO

from tui import terminal

TO_ASCII = str.maketrans(
    {
        "\u202f": " ", "·": "|", "–": "-", "→": ">", "×": "x", "…": "...", "✓": "+", "✕": "x", "●": "*", "◌": ".", "‖": "=",
        "■": "#", "□": "-", "†": "+", "├": "|", "└": "`", "▸": ">", "▾": "v", "°": " ", "≥": ">=",
    }
)  # fmt: skip
TONES = {"success": "32", "warning": "33", "error": "31", "primary": "36", "muted": "2"}


@cache
def environment() -> dict[str, str]:
    return terminal.environment()


def unicode_wanted(stream: TextIO) -> bool:
    """Whether more than ASCII can be printed there."""
    encoding = (stream.encoding or "").lower().replace("-", "").replace("_", "")
    return encoding in {"utf8", "utf8mb4"} and terminal.unicode(environment())


def colours_wanted(stream: TextIO) -> bool:
    able = terminal.capabilities(environment(), stream)
    return able.screen and able.colours > 0


def say(text: str = "", stream: TextIO | None = None) -> None:
    """Print for people, in the characters that the terminal has."""
    stream = stream or sys.stdout
    print(text if unicode_wanted(stream) else text.translate(TO_ASCII), file=stream, flush=True)


def toned(text: str, tone: str, stream: TextIO | None = None) -> str:
    """The text in the tone's colour where the stream shows colours."""
    code = TONES.get(tone)
    return f"\x1b[{code}m{text}\x1b[0m" if code and colours_wanted(stream or sys.stdout) else text


def print_json(value: object) -> None:
    """JSON without NaN and Infinity, which the standard has not: such a value becomes null."""
    print(json.dumps(finite(value), indent=2, ensure_ascii=False, default=str, allow_nan=False))


def finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = (), tones: Sequence[Mapping[int, str]] = ()) -> list[str]:
    """Lines with aligned columns, as wide as their widest cell; `right` names the right-aligned ones, `tones[row]` colours cells."""
    widths = [max(width(line[column]) for line in (titles, *rows)) for column in range(len(titles))]
    lines = []
    for number, row in enumerate((titles, *rows)):
        cells = []
        for column, cell in enumerate(row):
            space = " " * (widths[column] - width(cell))
            tone = tones[number - 1].get(column, "") if number and tones else ""
            shown = toned(cell, tone)
            cells.append(space + shown if titles[column] in right else shown + space)
        lines.append("  ".join(cells).rstrip())
    return lines


def width(text: str) -> int:
    """Cells of a terminal: wide characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def value_or_dash(value: float | None, show: Any) -> str:
    return "–" if value is None else str(show(value))
