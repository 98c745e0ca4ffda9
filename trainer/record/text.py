"""Text that comes from a run is data: what could steer a terminal is taken out before anybody sees it."""

from __future__ import annotations

import re

ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, closed by BEL or ST
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # the rest
)
CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)}
CONTROLS |= {code: "\ufffd" for code in range(0xD800, 0xE000)}  # lone surrogates cannot be written to a terminal
CONTROLS[0x09] = " "
LINES = {**CONTROLS, 0x0A: "\n"}


def clean(text: str, limit: int = 2000, *, keep_newlines: bool = False) -> str:
    """The text without escape sequences, control and invisible direction characters, cut to `limit` characters with an ellipsis."""
    if len(text) > 8 * limit:
        text = text[: 8 * limit]
    text = ESCAPES.sub("", text)
    if not keep_newlines:
        text = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    text = text.translate(LINES if keep_newlines else CONTROLS)
    return text if len(text) <= limit else text[: limit - 1] + "…"
