"""What the commands print: aligned tables, JSON that every reader accepts, characters that the terminal has."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TextIO

from gradtop.tui import paint, terminal
from gradtop.tui.ascii import to_ascii

TONES = {"success": "32", "warning": "33", "error": "31", "primary": "36", "muted": "2"}
REWRITE = "\r\x1b[K"
SCHEMA = 1  # of the JSON: another number where a key has gone or means something else; keys may be added without
NARROWEST = 12  # cells of the last column of a table, before whole columns are left out


@cache
def environment() -> dict[str, str]:
    return terminal.original_environment()


def unicode_wanted(stream: TextIO) -> bool:
    """Whether more than ASCII can be printed there."""
    encoding = (stream.encoding or "").lower().replace("-", "").replace("_", "")
    return encoding in {"utf8", "utf8mb4"} and terminal.unicode(environment())


def colours_wanted(stream: TextIO) -> bool:
    able = terminal.capabilities(environment(), stream)
    return able.screen and able.colours > 0


def print_line(text: str = "", stream: TextIO | None = None, *, end: str = "\n") -> None:
    """Print for people, in the characters that the terminal has; nothing in the text steers it but our own colours."""
    stream = stream or sys.stdout
    print(shaped(text, stream), end=end, file=stream, flush=True)


def print_in_place(text: str, stream: TextIO | None = None) -> None:
    """Print over the line that was printed last this way; "" leaves it empty."""
    stream = stream or sys.stdout
    stream.write(REWRITE + shaped(text, stream))
    stream.flush()


def shaped(text: str, stream: TextIO) -> str:
    text = paint.printed(text)
    return text if unicode_wanted(stream) else to_ascii(text)


def toned(text: str, tone: str) -> str:
    """The text in the tone's colour where standard output shows colours."""
    code = TONES.get(tone)
    return paint.toned(text, code) if code and colours_wanted(sys.stdout) else text


def print_json(value: object) -> None:
    """JSON in ASCII, whatever the terminal."""
    print(json_text(value))


def json_text(value: object) -> str:
    """JSON in ASCII, without NaN and Infinity, which the standard has not: such a value becomes null."""
    return json.dumps(versioned(finite(value)), indent=2, default=str, allow_nan=False).replace("\x7f", "\\u007f")


def print_json_line(value: object) -> None:
    """One line of JSON Lines in ASCII, at once, as whoever reads it may wait for it."""
    print(json.dumps(versioned(finite(value)), default=str, allow_nan=False).replace("\x7f", "\\u007f"), flush=True)


def versioned(value: object) -> object:
    """An object, or each of a list, with the version of the schema in front."""
    if isinstance(value, Mapping):
        return {"schema": SCHEMA, **value}
    return [versioned(each) for each in value] if isinstance(value, list) else value


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


def table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    tones: Mapping[str, Sequence[str]] | None = None,
    limit: int = 0,
    spare: Sequence[str] = (),
) -> list[str]:
    """Lines with aligned columns, as wide as their widest cell.

    `right` names the right-aligned columns, `tones` gives a column's cells their colours. Lines longer than `limit` cells (0:
    any length) lose the end of the last column, and before too little of that is left the columns named in `spare`, in order.
    """
    measure = cache(width)  # most are the same few
    sizes = [[len(cell) if cell.isascii() else measure(cell) for cell in row] for row in (titles, *rows)]
    widths = dict(zip(titles, (max(column) for column in zip(*sizes, strict=True)), strict=True))
    kept, last = list(titles), titles[-1]
    for title in spare if limit else ():
        if total(widths, kept) - widths[last] + min(widths[last], NARROWEST) <= limit:
            break
        kept.remove(title)
    if limit:
        widths[last] = max(NARROWEST, min(widths[last], limit - total(widths, kept) + widths[last]))
    coloured = bool(tones) and colours_wanted(sys.stdout)
    columns = [(place, widths[title], title in right, (tones or {}).get(title, ()) if coloured else ()) for place, title in enumerate(titles) if title in kept]
    lines = []
    for number, (row, has) in enumerate(zip((titles, *rows), sizes, strict=True)):
        cells = []
        for place, wanted, is_right, tone in columns:
            if tone or has[place] > wanted:
                cells.append(fitted(row[place], has[place], wanted, tone=tone[number - 1] if number and tone else "", right=is_right))
            elif is_right:
                cells.append(" " * (wanted - has[place]) + row[place])
            else:
                cells.append(row[place] + " " * (wanted - has[place]))
        lines.append("  ".join(cells).rstrip())
    return lines


def total(widths: Mapping[str, int], kept: Sequence[str]) -> int:
    return sum(widths[title] for title in kept) + 2 * (len(kept) - 1)


def fitted(cell: str, has: int, cells: int, *, tone: str, right: bool) -> str:
    """A cell that `has` so many cells of the terminal in exactly so many."""
    if has > cells:
        from gradtop.tui.format import ellipsis

        cell = ellipsis(cell, cells)
        has = width(cell)
    space = " " * (cells - has)
    if tone:
        cell = toned(cell, tone)
    return space + cell if right else cell + space


def width(text: str) -> int:
    """Cells of a terminal: wide characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def figure(value: object) -> str:
    """A measured value; – where there is none. What is not finite stands in JSON as its name."""
    from gradtop.trainer.analysis.formatting import significant

    if value in ("nan", "inf", "-inf"):
        return str(value)
    return significant(value) if isinstance(value, int | float) else "–"


def metric_cell(name: str, value: object) -> str:
    """The value of a metric in a table: a share with all the digits by which two runs may differ; – where there is none."""
    from gradtop.trainer.analysis.formatting import share
    from gradtop.trainer.metrics import metric_of

    if not metric_of(name).share:
        return figure(value)
    return share(value) if isinstance(value, int | float) else "–"
