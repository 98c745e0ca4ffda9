"""The plots of a search: history, parallel coordinates, slices, Pareto front, importances. No widget here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradtop.trainer.analysis.formatting import share as fraction
from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.jobs.search.outcome import EVALUATORS
from gradtop.trainer.record import clean
from gradtop.tui.format import ellipsis
from gradtop.tui.screens.search.data import SearchRecord
from gradtop.tui.screens.search.field import TONE, Plot, explained, framed, lay, polyline
from gradtop.tui.screens.search.scales import Scale, extent_of
from gradtop.tui.widgets.braille import Canvas, trace
from gradtop.tui.widgets.cells import Cells

BRIGHT, DIM = 12, 100  # lines of parallel coordinates: of the best trials, and of the others
HISTORY, PARALLEL, SLICE, PARETO, IMPORTANCE = "history", "parallel coordinates", "slice", "Pareto front", "importance"
APART = 9  # cells between two axes of parallel coordinates at least
NONE_YET = "no trial has a value yet"


@dataclass(frozen=True, slots=True)
class PlotView:
    """Which plot: `parameter` is that of the slice."""

    kind: str = HISTORY
    parameter: str = ""


def plot(record: SearchRecord, view: PlotView, width: int, height: int, *, unicode: bool) -> Plot:
    """The plot in a size of cells."""
    if view.kind == IMPORTANCE:
        return importance(record, width, height, unicode=unicode)
    if not record.valued:
        return explained(width, height, NONE_YET)
    if view.kind == SLICE:
        found = slice_of(record, view.parameter, width, height, unicode=unicode)
    else:
        found = {HISTORY: history, PARALLEL: parallel, PARETO: pareto}[view.kind](record, width, height, unicode=unicode)
    return found if found is not None else explained(width, height, "too little room for this plot")


def ticks_along(width: int) -> int:
    return max(2, width // 12)


def ticks_up(height: int) -> int:
    return max(1, (height - 2) // 3)


def history(record: SearchRecord, width: int, height: int, *, unicode: bool) -> Plot | None:
    """The first objective over the trials, and the best so far as a line."""
    last = max(record.trials)
    x = extent_of([0, max(last, 1)]).scale(ticks_along(width))
    y = record.reached[0].scale(ticks_up(height))
    field = framed(width, height, x, y, "trial", unicode=unicode)
    if field is None:
        return None
    best = record.best_so_far
    field.steps(best, last)
    field.scatter(record.numbers, record.values[0], "trial", ".")
    if best:
        field.say(f"best {significant(best[-1][1])}  trial {best[-1][0]}")
    return field.finish(lambda number: _one(field.spot(number, record.value(record.trials.get(number)))))


def _one(spot: tuple[int, int] | None) -> Sequence[tuple[int, int]]:
    return () if spot is None else (spot,)


def slice_of(record: SearchRecord, parameter: str, width: int, height: int, *, unicode: bool) -> Plot | None:
    """The first objective over one parameter; the best trials are bright."""
    key = parameter if parameter in record.parameters else next(iter(record.parameters), "")
    if not any(value is not None for value in record.columns.get(key, ())):
        return explained(width, height, f"no trial with a value has {key}" if key else "the space has no parameters")
    x = record.ranges[key].scale(ticks_along(width))
    y = record.reached[0].scale(ticks_up(height))
    field = framed(width, height, x, y, key, unicode=unicode)
    if field is None:
        return None
    best = record.ranked[:BRIGHT]
    field.scatter([trial.params.get(key) for trial in best], [record.value(trial) for trial in best], "best", "*")
    field.scatter(record.columns[key], record.values[0], "trial", ".")
    field.say(f"bright: the best {min(BRIGHT, len(record.ranked))}", "muted")
    return field.finish(lambda number: _one(field.spot(record.trials[number].params.get(key), record.value(record.trials.get(number))) if number in record.trials else None))


def pareto(record: SearchRecord, width: int, height: int, *, unicode: bool) -> Plot | None:
    """Two objectives against each other, and the trials that no other one is better than in both."""
    if len(record.objectives) < 2:
        return explained(width, height, "the search has one objective")
    name, other = (each.name for each in record.objectives[:2])
    x = record.reached[0].scale(ticks_along(width))
    y = record.reached[1].scale(ticks_up(height))
    field = framed(width, height, x, y, record.objectives[0].title, unicode=unicode)
    if field is None:
        return None
    ahead = sorted((trial.values[name], trial.values[other]) for trial in record.front)
    field.steps(ahead)
    field.scatter(record.values[0], record.values[1], "trial", ".")
    field.rows[0].put(1, ellipsis(record.objectives[1].title, width // 2), TONE["muted"])
    field.say(f"{len(ahead)} on the front")

    def spots(number: int) -> Sequence[tuple[int, int]]:
        trial = record.trials.get(number)
        return _one(field.spot(record.value(trial), record.value(trial, 1)))

    return field.finish(spots)


def parallel(record: SearchRecord, width: int, height: int, *, unicode: bool) -> Plot | None:
    """A line for each trial through its parameters and its value, one axis each; of many trials a part, the best ones bright."""
    tall = height - 3
    most = max(1, (width - 2) // APART - 1)
    names = [*list(record.parameters)[:most]]
    if tall < 2 or not names:
        return None
    scales = [record.ranges[name].scale(4) for name in names]
    scales.append(record.reached[0].scale(4))
    labels = [*(record.short[name] for name in names), record.objectives[0].title]
    dots = (2, 4) if unicode else (1, 1)
    canvas = Canvas(width - 2, tall, dots)
    columns = [round(number * (canvas.columns - 1) / (len(scales) - 1)) for number in range(len(scales))]

    def spots(number: int) -> Sequence[tuple[int, int]]:
        trial = record.trials.get(number)
        if trial is None:
            return ()
        values = [*(trial.params.get(name) for name in names), record.value(trial)]
        places = [(column, at) for column, scale, value in zip(columns, scales, values, strict=True) if (at := scale.at(value)) is not None]
        return [(column, round(at * (canvas.rows - 1))) for column, at in places]

    for trial in record.ranked[:BRIGHT]:
        canvas.draw(trace(polyline(spots(trial.number)), canvas.columns), TONE["best"], "*")
    others = record.ranked[BRIGHT:]
    shown = others[:: max(1, -(-len(others) // DIM))]
    mask = [0] * canvas.columns
    for trial in shown:
        for column, bits in enumerate(trace(polyline(spots(trial.number)), canvas.columns)):
            mask[column] |= bits
    canvas.draw(mask, TONE["trial"], ".", under=True)
    rows = [Cells(width) for _ in range(height)]
    lay(canvas, rows, 1, 2)
    for number, (column, label, scale) in enumerate(zip(columns, labels, scales, strict=True)):
        cell = 1 + column // dots[0]
        for row in rows[2 : 2 + tall]:
            if row.text[cell] == " ":
                row.put(cell, "│" if unicode else "|", TONE["axis"])
        ticks = scale.ticks()
        last = number == len(labels) - 1
        for line, text, tone in ((0, label, "strong" if last else "text"), (1, _end(scale, ticks, -1), "muted"), (height - 1, _end(scale, ticks, 0), "muted")):
            shown_text = ellipsis(text, width // len(labels) - 1, keep="end" if line == 0 else "start")
            at = min(max(1, cell - len(shown_text) // 2), width - 1 - len(shown_text))
            rows[line].put(at, shown_text, TONE[tone])
    return Plot(rows, 1, 2, canvas.width, canvas.height, dots, joined=True, spots=spots)


def _end(scale: Scale, ticks: Sequence[tuple[float, str]], end: int) -> str:
    """What stands at an end of an axis: its last label, or where that lies within, the value there."""
    if scale.axis is None:
        return ticks[end][1] if ticks else ""
    return significant(float(f"{scale.axis.value(0.0 if end == 0 else 1.0):.2g}"))


def importance(record: SearchRecord, width: int, height: int, *, unicode: bool) -> Plot:
    """How much of the variance of the first objective each parameter explains, as bars: by one evaluator, or two beside each other."""
    if not record.importances:
        return explained(width, height, record.no_importance)
    rows = [Cells(width) for _ in range(height)]
    side = width // len(record.importances)
    for number, (method, found) in enumerate(record.importances.items()):
        bars(rows, number * side, side, EVALUATORS[method], {record.short.get(key, key): share for key, share in found.items()}, unicode=unicode)
    return Plot(rows)


def bars(rows: Sequence[Cells], left: int, width: int, title: str, found: Mapping[str, float], *, unicode: bool) -> None:
    """A title, and a bar for each parameter that there is room for."""
    if not rows:
        return
    rows[0].put(left + 1, ellipsis(title, width - 2), TONE["muted"])
    names = min(max(map(len, found), default=0), max(8, width // 2 - 4))
    room = max(1, width - names - 10)
    most = max(found.values(), default=0.0) or 1.0
    for row, (name, share) in zip(rows[1:], found.items(), strict=False):
        row.put(left + 1, ellipsis(clean(name, 80), names, keep="end"), TONE["text"])
        halves = max(1, round(2 * room * share / most))
        bar = "█" * (halves // 2) + "▌" * (halves % 2) if unicode else "#" * ((halves + 1) // 2)
        row.put(left + names + 3, bar, TONE["best"])
        text = fraction(share, 2)
        row.put(left + width - 1 - len(text), text, TONE["strong"])
