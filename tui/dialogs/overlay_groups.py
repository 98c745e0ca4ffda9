"""The runs of an overlay: their curves, and the list of them below the charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.analysis.significance import moments
from gradtop.trainer.record import EMPTY_SERIES
from gradtop.tui.format import ellipsis
from gradtop.tui.reading.overlay import METRICS, OverlayPart, RunCurve, SeedGroup
from gradtop.tui.widgets.cells import Cells
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.chart_legend import Legend
from gradtop.tui.widgets.chart_styles import LINES, TONE
from gradtop.tui.widgets.drawn import Drawn
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.line_chart import LineChart

MOST_NAMED = 4  # groups that the legends of the charts name; of more the list alone tells
INDENT, NAME, FIGURE, MOST_FIGURES = 5, 34, 18, 3  # cells in the list, and values of each group


def said(metric: str) -> str:
    """The usual ones in words, others by their names."""
    return metric.replace("_", " ") if metric in METRICS else metric


def style_of(number: int) -> tuple[str, str]:
    """Colour and pattern of a run, by its number: with each round of the colours they meet other patterns."""
    return LINES[number % len(LINES)], LINES[(number + number // len(LINES)) % len(LINES)]


def style_of_group(group: SeedGroup, numbers: Mapping[str, int]) -> tuple[str, str]:
    """That of its first run."""
    return style_of(numbers.get(group.runs[0].id, 0))


def curves(groups: Sequence[SeedGroup], metric: str, numbers: Mapping[str, int]) -> list[Curve]:
    """The lines of a chart: of seeds the mean with its deviation, and each run faintly."""
    named = len(groups) <= MOST_NAMED
    lines: list[Curve] = []
    for group in groups:
        style, pattern = style_of_group(group, numbers)
        label, text = (ellipsis(group.name, NAME), None) if named else ("", "")
        if group.is_family:
            lasts = [each.last for each in group.curves[metric] if each.last is not None]
            lines.append(Curve(label, group.means[metric], style, value=moments(lasts)[0] if lasts else None, text=text, pattern=pattern, spread=True))
            lines += [Curve("", each.series, style, faint=True, pattern=pattern) for each in group.curves[metric]]
        else:
            (each,) = group.curves[metric]
            lines.append(Curve(label, each.series, style, value=each.last, text=text, pattern=pattern))
    return lines


def end_of_curves(groups: Sequence[SeedGroup]) -> float:
    """Where the last of their curves ends; 0 where there is none."""
    return max((each.series.x_last[-1] for group in groups for found in group.curves.values() for each in found if len(each.series.x_last)), default=0.0)


class Groups(Drawn):
    """Each group with its line, and its newest values: of seeds their mean and sample deviation. One may be chosen, and hidden."""

    PALETTE = LineChart.PALETTE

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._found = OverlayPart()
        self._numbers: Mapping[str, int] = {}
        self._chosen: int | None = None  # none before somebody looks for one
        self._left_out: set[str] = set()  # by the ids of their first runs

    def show(self, found: OverlayPart, numbers: Mapping[str, int]) -> None:
        self._found, self._numbers = found, numbers
        self._draw()

    @property
    def shown(self) -> Sequence[SeedGroup]:
        """The groups that are not hidden."""
        return [group for group in self._found.groups if group.runs[0].id not in self._left_out]

    @property
    def hides_any(self) -> bool:
        return bool(self._left_out)

    def choose(self, rows: int) -> None:
        """So many rows further, from the first one where none is chosen yet."""
        if last := len(self._found.groups):
            self._chosen = 0 if self._chosen is None else max(0, min(self._chosen + rows, last - 1))
            self._draw()

    def hide(self) -> None:
        """Or show it again; the first press chooses one where none is chosen. The last one that is seen stays."""
        if self._chosen is None or self._chosen >= len(self._found.groups):
            self.choose(0)
            return
        chosen = self._found.groups[self._chosen].runs[0].id
        if chosen in self._left_out:
            self._left_out.discard(chosen)
        elif len(self.shown) > 1:
            self._left_out.add(chosen)

    def show_all(self) -> None:
        self._left_out.clear()

    def _lay_out(self, width: int, height: int) -> list[Cells]:
        legend, metrics, groups = Legend(unicode=draws_unicode(self)), self._found.metrics[:MOST_FIGURES], self._found.groups
        name = max(10, min(NAME, width - INDENT - len(metrics) * FIGURE))
        head = Cells(width)
        for place, metric in enumerate(metrics):
            put(head, INDENT + name + place * FIGURE, ellipsis(said(metric), FIGURE - 1).rjust(FIGURE), "tick")
        rows, room = [head], max(1, height - 1)
        # The chosen one stays in sight; the last row tells how many follow.
        first = max(0, min((self._chosen or 0) - room + 2, len(groups) - room))
        for number, group in enumerate(groups[first:], first):
            if len(rows) == height - 1 and number < len(groups) - 1:
                more = Cells(width)
                put(more, INDENT, f"and {len(groups) - number} more", "tick")
                rows.append(more)
                break
            rows.append(self._row(group, legend, name, width, chosen=number == self._chosen))
        return rows

    def _row(self, group: SeedGroup, legend: Legend, name: int, width: int, *, chosen: bool) -> Cells:
        metrics, (style, pattern) = self._found.metrics[:MOST_FIGURES], style_of_group(group, self._numbers)
        row = Cells(width)
        if chosen:
            put(row, 0, "▸" if draws_unicode(self) else ">", "text")
        if group.runs[0].id in self._left_out:
            put(row, INDENT, ellipsis(group.name, name), "tick")
            put(row, INDENT + name, "hidden".rjust(FIGURE), "tick")
            return row
        put(row, 1, legend.sample(Curve("", EMPTY_SERIES, style, pattern=pattern)), style)
        put(row, INDENT, ellipsis(group.name, name), "text")
        for place, metric in enumerate(metrics):
            put(row, INDENT + name + place * FIGURE, newest(group.curves[metric]).rjust(FIGURE), "value")
        if metrics and (problem := problem_of(group, metrics[0])):
            put(row, INDENT + 1 + name + len(metrics) * FIGURE, problem, "tick")
        return row


def put(row: Cells, x: int, text: str, tone: str) -> None:
    room = len(row.text) - x
    if room > 0:
        row.put(x, ellipsis(text, room), TONE[tone])


def newest(found: Sequence[RunCurve]) -> str:
    """The newest value, or mean ± sample deviation over the seeds that have one."""
    values = [each.last for each in found if each.last is not None]
    if len(values) < 2:
        return significant(values[0]) if values else "–"
    return " ± ".join(map(significant, moments(values)))


def problem_of(group: SeedGroup, metric: str) -> str:
    """What a metric lacks, run by run; of a run without the first one nothing else is said."""
    found = {f"{each.name}: {each.problem}" if group.is_family else each.problem: None for each in group.curves[metric] if each.problem}
    return "; ".join(found)
