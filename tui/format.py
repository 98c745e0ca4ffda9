"""Text that fits: what is cut says so. Figures are written by gradtop.trainer.analysis.formatting."""

from __future__ import annotations


def ellipsis(text: str, width: int, *, keep: str = "start") -> str:
    """Text in at most `width` cells, wide characters counted as two, with … where something is missing.

    `keep` says which part matters: "start", or "end" as for dotted names.
    """
    from rich.cells import cell_len, set_cell_size

    if width <= 0:
        return ""
    if len(text) > 4 * width + 8:
        text = text[: 4 * width + 8] if keep == "start" else text[-4 * width - 8 :]
    if cell_len(text) <= width:
        return text
    if keep == "start":
        return set_cell_size(text, width - 1).rstrip() + "…"
    end = set_cell_size(text[::-1], width - 1).rstrip()[::-1]
    while end and not cell_len(end[0]):
        end = end[1:]  # an accent whose letter was cut off would stand on the …
    return f"…{end}"
