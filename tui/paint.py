"""What commands print, on its way to the terminal: nothing steers it but the colours that we paint ourselves."""

from __future__ import annotations

import re
from functools import cache

ESCAPE = "\ufdd0"  # stands for ESC in what we have painted, until it is printed: a noncharacter, which no text may hold
THIN = "\u202f"  # a space in our figures, which Python takes for not printable
PAINTED = re.compile(rf"\x1b(\[[0-9;]*m)|{ESCAPE}")
PAINT = re.compile(rf"{ESCAPE}(\[[0-9;]*m)?")


def toned(text: str, code: str) -> str:
    """The text in a colour, by the parameter of SGR."""
    return f"{ESCAPE}[{code}m{text}{ESCAPE}[0m"


def painted(picture: str) -> str:
    """A picture of another library with its colours kept; nothing in it may come from a run."""
    return PAINTED.sub(lambda found: f"{ESCAPE}{found[1]}" if found[1] else "", picture)


def printed(text: str) -> str:
    """The text as it may be printed, whoever wrote it."""
    if text.replace("\n", "").replace(THIN, "").isprintable():
        return text
    return PAINT.sub(lambda found: f"\x1b{found[1]}" if found[1] else "", text.translate(but_paint()))


@cache
def but_paint() -> dict[int, str | None]:
    """What is taken out of all text, but for what stands for our colours."""
    from gradtop.trainer.record.text import LINES

    return {**LINES, ord(ESCAPE): ESCAPE}
