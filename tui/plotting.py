"""What all plots that commands print share: plotext, which gets values between 0 and 1 alone, and our ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradtop.tui.ascii import to_ascii
from gradtop.tui.paint import painted
from gradtop.tui.widgets import axis as scale
from gradtop.tui.widgets.axis import Axis

COLOURS = ("cyan", "orange", "green", "magenta", "blue+", "white", "green+", "magenta+")
DIM, WARNING = "gray", "red"
FRAME = 4  # cells beside and lines around the picture itself


@dataclass(frozen=True, slots=True)
class Marks:
    """What is drawn with: a line for each series, of which more than these begin anew, their spread, and where a value was not finite."""

    lines: tuple[str, ...]
    samples: tuple[str, ...]
    spread: str
    lost: str


UNICODE = Marks(("braille", "dot", "+", "▪", "◦", "△", "◆", "="), ("⠒⠒", "••", "++", "▪▪", "◦◦", "△△", "◆◆", "=="), "·", "×")
ASCII = Marks(("*", "o", "+", "#", "@", "%", "&", "="), ("**", "oo", "++", "##", "@@", "%%", "&&", "=="), ".", "x")


def picture(
    curves: Sequence[Sequence[tuple[float, float]]], width: int, height: int, *, colours: bool, unicode: bool
) -> tuple[list[str], list[str]]:
    """One or two curves of finite points as lines of text, and a sample of each line for a legend."""
    import plotext

    marks = UNICODE if unicode else ASCII
    values = [value for curve in curves for _, value in curve]
    up = scale.linear(min(0.0, *values), max(values), max(2, (height - FRAME) // 2))
    steps = [step for curve in curves for step, _ in curve]
    along = scale.along(min(steps), max(steps), width - up.label_width - FRAME)
    frame(plotext, along, up, width, height)
    for number, curve in enumerate(curves):
        points = [(along.at(step), up.at(value)) for step, value in curve]
        line(plotext, points, marks.lines[number], COLOURS[number] if colours else None)
    return built(plotext, colours=colours, unicode=unicode), [sample(plotext, marks, number, colours=colours) for number in range(len(curves))]


def built(plotext: Any, *, colours: bool, unicode: bool) -> list[str]:
    """The figure as lines that can be printed."""
    text = plotext.build() if colours else plotext.uncolorize(plotext.build())
    return [painted(line.rstrip()) for line in (text if unicode else to_ascii(text)).rstrip().splitlines()]


def sample(plotext: Any, marks: Marks, number: int, *, colours: bool) -> str:
    """What a line of the figure looks like, for a legend."""
    text = marks.samples[number % len(marks.samples)]
    return painted(plotext.colorize(text, colour_of(number))) if colours else text


def colour_of(number: int) -> str:
    """The colour of a series. With each round of the colours, the marks are those of another one."""
    return COLOURS[(number + number // len(COLOURS)) % len(COLOURS)]


def frame(plotext: Any, along: Axis, up: Axis, width: int, height: int) -> None:
    """An empty figure with our ticks, its sides 0 to 1."""
    plotext.clear_figure()
    plotext.limit_size(False, False)  # else no larger than the terminal, which a file is not
    plotext.theme("clear")
    plotext.plotsize(width, height)
    plotext.xlim(0, 1)
    plotext.ylim(0, 1)
    plotext.xticks([along.at(step) for step, _label in along.ticks], [label for _step, label in along.ticks])
    plotext.yticks([up.at(value) for value, _label in up.ticks], [label for _value, label in up.ticks])


def line(plotext: Any, points: Sequence[tuple[float, float]], marker: str, colour: str | None) -> None:
    """A line through finite points; what lies beyond the frame is drawn at its edge."""
    if points:
        plotext.plot([within(x) for x, _ in points], [within(y) for _, y in points], marker=marker, color=colour)


def scatter(plotext: Any, points: Sequence[tuple[float, float]], marker: str, colour: str | None) -> None:
    if points:
        plotext.scatter([within(x) for x, _ in points], [within(y) for _, y in points], marker=marker, color=colour)


def within(place: float) -> float:
    """Between the sides of the frame: plotext computes each point of a line, also of the part that nobody sees, which may need all memory."""
    return min(max(place, 0.0), 1.0)
