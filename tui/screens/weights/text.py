"""The figures of a parameter's weights and the rows that show how they moved, for any size."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len

from gradtop.trainer.analysis.formatting import number, percent, significant
from gradtop.trainer.record import RunState
from gradtop.tui import keys
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.reading.snapshot import Facts
from gradtop.tui.screens.weights.data import Histogram, ListedParameter, WeightsPart, movement, span
from gradtop.tui.widgets.axis import linear, tick_label
from gradtop.tui.widgets.binning import rebinned
from gradtop.tui.widgets.columns import Piece

NOT_FINITE = "not finite"
LEVELS = " ▁▂▃▄▅▆▇█"
MOST_TALL = 3
STEADY = 4  # cells: the column at the right grows by so many, as each change of it moves all that is left of it


def figures(now: Histogram) -> list[tuple[str, str]]:
    """What is said in numbers: (name, value)."""
    bad = [(NOT_FINITE, f"{number(now.nonfinite)} of {number(now.count)}")] if now.nonfinite else []
    return [
        *bad,
        ("mean", significant(now.mean)),
        ("std", significant(now.std)),
        ("min", significant(now.min)),
        ("max", significant(now.max)),
        ("zeros", percent(now.zeros, 1)),
        ("weights", number(now.count)),
    ]


def figure_lines(now: Histogram, width: int) -> list[TextLine]:
    """The figures in as many lines as they need."""
    lines: list[list[Piece]] = [[(" ", "text")]]
    x = 1
    for name, value in figures(now):
        size = len(name) + 1 + cell_len(value) + 3
        if x + size - 3 > width and x > 1:
            lines.append([(" ", "text")])
            x = 1
        lines[-1] += [(f"{name} ", "muted"), (value, "error" if name == NOT_FINITE else "strong"), ("   ", "text")]
        x += size
    return list(lines)


NOT_AVERAGED, AVERAGED = "weights, not their EMA", "EMA of the weights"


def when(now: Histogram, facts: Facts, *, averaged: bool = False) -> str:
    """At which step it was measured, and how long ago that is; where there is an EMA of the weights, that it is not of it."""
    clock = time.strftime("%H:%M:%S", time.localtime(now.time)) if 0 < now.time < 1e11 else ""
    behind = round(facts.status.step - now.step)
    ago = f"{number(behind)} {'step' if behind == 1 else 'steps'} ago" if behind > 0 else ""
    return " · ".join(filter(None, (f"step {number(now.step)}", ago, clock, NOT_AVERAGED if averaged else "")))


def history_lines(part: WeightsPart, width: int, height: int) -> list[TextLine]:
    """How mean and deviation moved, in words, and under it the first histogram, some between, and the newest, over one range."""
    now = part.now
    if now is None or not part.earlier:
        return [[(" One measurement so far; the next one shows how the weights change.", "muted")]]
    lines: list[TextLine] = [
        [(f" {what:<5}", "muted"), (values, "strong"), (f"   {words}", "text")] for what, values, words in movement(part.earlier[0], now)
    ]
    found = [h for h in (*part.earlier, now) if h.bins]
    both = span(found)
    room = height - len(lines) - 1
    if both is None or room < 2:
        return lines
    shown = thinned(found, room)
    tall = max(1, min(MOST_TALL, room // len(shown)))
    labels = ["now" if h is now else f"step {number(h.step)}" for h in shown]
    beside = [f"{significant(h.mean)} std {significant(h.std)}" for h in shown]
    left = max(map(cell_len, labels)) + 3
    right = -(-(max(map(cell_len, beside)) + 2) // STEADY) * STEADY
    if width - left - right < 24:
        right = 1
    range_ = linear(*both, 10)  # round ends, so that what was measured earlier is not drawn anew each time
    low, high = range_.low, range_.high
    cells = max(8, width - left - right)
    if len(shown) * tall + len(lines) + 2 <= height:
        lines.append([])
    for h, label, text in zip(shown, labels, beside, strict=True):
        rows = ridge(rebinned(h, low, high, cells), tall)
        for index, row in enumerate(rows):
            last = index == len(rows) - 1
            side = f"  {text}" if last and right > 1 else ""
            lines.append([(f" {label if last else '':<{left - 2}} ", "strong" if h is now else "muted"), (row, "primary"), (side, "muted")])
    ends = axis(low, high, cells)
    lines.append([(" " * left + ends, "muted")])
    return lines


def thinned(histograms: Sequence[Histogram], most: int) -> list[Histogram]:
    """At most so many, the first and the last among them, the others as evenly as they come."""
    if len(histograms) <= most:
        return list(histograms)
    if most < 2:
        return [histograms[-1]]
    places = {round(index * (len(histograms) - 1) / (most - 1)) for index in range(most)}
    return [histograms[place] for place in sorted(places)]


def ridge(counts: Sequence[float], tall: int) -> list[str]:
    """Counts as bars of eighths of a cell; what is not zero has some ink, and the highest leaves a gap to the ridge above."""
    most, top = max(counts, default=0.0), 8 * tall - (1 if tall == 1 else 3)
    levels = [max(1, round(top * count / most)) if count > 0 else 0 for count in counts]
    return ["".join(LEVELS[max(0, min(8, level - 8 * row))] for level in levels) for row in reversed(range(tall))]


def axis(low: float, high: float, cells: int) -> str:
    """The ends of the range, and zero where it lies between them."""
    largest, step = max(abs(low), abs(high)), (high - low) / 10
    first, last = tick_label(low, step, largest), tick_label(high, step, largest)
    text = list(first.ljust(cells - len(last)) + last)
    if low < 0 < high:
        zero = round(-low / (high - low) * (cells - 1))
        if text[max(0, zero - 2) : zero + 3] == [" "] * 5:
            text[zero] = "0"
    return "".join(text)[:cells]


def shape_title(parameter: ListedParameter) -> str:
    shape = "×".join(map(str, parameter.shape))
    return f"{parameter.shown}  {shape}".rstrip()


def waiting(part: WeightsPart, facts: Facts) -> str:
    """What is said where there is no picture: what will come, or why none does."""
    if part.unreadable:
        return part.unreadable
    if not part.measured:
        return f"weights are not measured (monitor.enabled is false); {keys.name('mode.tune')} changes it"
    if part.unavailable:
        return f"not measured: {part.unavailable}"
    if facts.state is RunState.PAUSED:
        return f"not measured yet: the run is paused; {keys.name('run.pause')} continues"
    if facts.alive:
        return "measuring: the histogram follows within a second or a step"
    return "this parameter was not measured"
