"""Text from a run is data: escape sequences and control characters are removed before it is shown."""

from __future__ import annotations

import re

ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC, closed by BEL or ST
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # the rest
)
INVISIBLE = (
    range(0x20),  # C0
    range(0x7F, 0xA0),  # DEL and C1
    (0xAD, 0x61C, 0xFEFF),  # soft hyphen, Arabic letter mark, byte order mark
    range(0x200B, 0x2010),  # zero width and direction marks
    range(0x2028, 0x202F),  # line separators and direction embeddings
    range(0x2060, 0x2070),  # word joiner, direction isolates
    range(0xFDD0, 0xFDF0),  # noncharacters, one of which marks our own colours
    range(0xFFF9, 0xFFFC),  # annotations
    range(0xE0000, 0xE0080),  # tags
)
CONTROLS: dict[int, str | None] = {code: None for codes in INVISIBLE for code in codes}
CONTROLS.update(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))  # a lone surrogate cannot be written to a terminal
CONTROLS[0x09] = " "
LINES = {**CONTROLS, 0x0A: "\n"}


def clean(text: str, limit: int = 2000, *, keep_newlines: bool = False) -> str:
    """The text without escape sequences, control and invisible direction characters, cut to `limit` characters with an ellipsis."""
    if len(text) <= limit and text.isprintable():
        return text  # the usual case, without a look at each character
    text = ESCAPES.sub("", text[: 8 * limit])
    if not keep_newlines:
        text = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    text = text.translate(LINES if keep_newlines else CONTROLS)
    return text if len(text) <= limit else text[: limit - 1] + "…"
