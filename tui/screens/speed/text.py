"""The rows of the speed mode."""

from __future__ import annotations

from collections.abc import Iterator

from gradtop.trainer.analysis.formatting import setting_text, si, significant
from gradtop.trainer.jobs.speed.candidates import Changes
from gradtop.trainer.jobs.speed.result import Setting, factor, settings_text
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.speed.data import SpeedPart

LABEL, PACE, FACTOR, MOVED = 34, 11, 9, 12
MOST_BAR = 60


HEAD: TextLine = [(f"{'   settings':<{LABEL}}{'samples/s':>{PACE}}{'faster':>{FACTOR}}{'loss moved':>{MOVED}}", "muted")]


def bar_width(width: int) -> int:
    """Columns that are left for the bars."""
    return min(max(width - LABEL - PACE - FACTOR - MOVED - 3, 0), MOST_BAR)


def rows(part: SpeedPart, at: int, width: int, height: int, *, block: str) -> Iterator[TextLine]:
    """One line for each combination, so many that the one `at` the cursor is among them."""
    first = max(0, min(at - height + 1, len(part.settings) - height)) if height > 0 else 0
    fastest = max((each.speedup for each in part.settings if each.speedup > 0), default=1.0)
    for place, each in enumerate(part.settings[first : first + max(height, 0)], first):
        yield row(each, bar_width(width), fastest, cursor=place == at, chosen=place == part.chosen, block=block)


def row(each: Setting, width: int, fastest: float, *, cursor: bool, chosen: bool, block: str) -> TextLine:
    tone = "strong" if cursor or chosen else "text"
    label = settings_text(each.changes)
    label = label if len(label) <= LABEL - 4 else f"{label[: LABEL - 5]}…"
    start: list[tuple[str, str]] = [(" ▸ " if cursor else "   ", "primary"), (f"{label:<{LABEL - 3}}", tone)]
    if each.error:
        return [*start, ("  does not work: ", "warning"), (each.error, "muted")]
    if not each.speedup > 0:
        return [*start, (f"{'being measured':>{PACE + FACTOR}}", "muted")]
    moved = "" if not each.changes else f"{significant(100 * each.loss_moved, 2)} %"
    bar = block * round(width * each.speedup / fastest)
    return [
        *start,
        (f"{si(each.samples_per_s):>{PACE}}", tone),
        (factor(each.speedup).rjust(FACTOR), "success" if chosen and each.changes else tone),
        (moved.rjust(MOVED), "muted"),
        (f"   {bar}", "primary" if chosen else "muted"),
    ]


def assignments(changes: Changes) -> str:
    """As on the command line: training.threads=1 training.precision=bf16."""
    return " ".join(f"{key}={setting_text(value)}" for key, value in changes.items())


def in_full(each: Setting, *, chosen: bool, ended: bool) -> TextLine:
    """The combination under the cursor in full, as keys of the configuration."""
    return [(f" {assignments(each.changes) or 'the configuration as it is'}", "text"), ("" if not chosen else "   the fastest that leaves the loss as it was" if ended else "   the fastest so far", "muted")]
