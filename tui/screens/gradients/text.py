"""What the table, the chart and the lines of Gradients say."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from gradtop.trainer.analysis import formatting
from gradtop.trainer.analysis.gradient_health import HUGE_UPDATE, LARGE_UPDATE, GradientHealth
from gradtop.trainer.record import RunState
from gradtop.tui import keys
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.reading.snapshot import Facts
from gradtop.tui.screens.gradients.data import GradientRow, GradientsPart, ParameterCurves, at, counts
from gradtop.tui.widgets.columns import Cell, Piece, TableColumn
from gradtop.tui.widgets.sparkline import BAD, sparkline

ROOMY, SPARK = 150, 24  # from so many columns on the curves have more than so many cells, and shapes and counts their columns
REST = 73  # cells of the other columns of a wide table, its gaps and margins
WIDE = 100  # from so many columns on the trend has its word, and the pictures are large


def waiting_for(facts: Facts, part: GradientsPart) -> str:
    """Why there are no gradients to show, and what brings them."""
    if part.unreadable:
        return f"the gradients cannot be shown: {part.unreadable}"
    if part.unmeasured:
        return part.unmeasured
    if facts.setting("monitor.enabled") is False:
        return f"gradients are not measured (monitor.enabled is false); {keys.name('mode.tune')} changes it"
    if facts.state in {RunState.CREATED, RunState.STARTING}:
        return "starting: the first norms follow with the first step, in a few seconds"
    return "the first norms follow with the first step" if facts.alive else f"the run ended before its first step: {keys.name('log')} shows the log, {keys.name('mode.tune')} starts another run"


def spark_width(rows: Sequence[GradientRow], width: int) -> int:
    """Cells of a sparkline in a table of this width: where there is room, all that names, figures and findings leave."""
    if width < ROOMY:
        return SPARK if width >= WIDE else 12
    names, words = _longest(rows)
    return max(SPARK + 1, width - REST - min(width // 3, names) - words)


def _longest(rows: Sequence[GradientRow]) -> tuple[int, int]:
    """Cells of the longest name, and of the longest finding."""
    return max([14, *(cell_len(row.shown) for row in rows)]), max([24, *(cell_len(health_text(row.health)) + 2 for row in rows)])


def columns(rows: Sequence[GradientRow], width: int, spark: int) -> list[TableColumn]:
    names, _words = _longest(rows)
    return [
        TableColumn("parameter", min(width // 3, names), least=min(names, 24 if width >= WIDE else 14), keep="end", sort="depth"),
        *([TableColumn("shape", 14, priority=6), TableColumn("parameters", 12, right=True, priority=5)] if width >= ROOMY else []),
        TableColumn("norm now", 9, right=True, sort="norm"),
        TableColumn("over time (log)" if spark >= 15 else "over time", spark, priority=1),
        TableColumn("trend", 8, priority=3) if width >= WIDE else TableColumn("", 1, priority=2),
        TableColumn("update:weight", 14, right=True, priority=4, sort="update:weight") if width >= WIDE else TableColumn("upd:w", 8, right=True, priority=4, sort="update:weight"),
        TableColumn("finding", 24, least=14, grow=True, sort="trouble"),
    ]


def gradient_cells(row: GradientRow, spark: int, end: float) -> Sequence[Cell]:
    arrow, word = row.trend
    return (
        row.shown,
        *([(row.shape, "muted"), (formatting.number(row.count), "muted")] if spark > SPARK else []),
        ("–", "muted") if row.now is None else (norm_text(row.now), "text" if row.now - row.now == 0 else "error"),
        bars(sparkline(row.over_time.x, row.over_time.mean, row.over_time.nonfinite, spark, end)),
        ([(arrow, "text"), (f" {word}", "muted")] if spark >= 15 else (arrow, "text")) if arrow else ("–", "muted"),
        ratio_cell(row),
        finding(row.health),
    )


def bars(text: str) -> Sequence[Piece]:
    """Bars in one colour, the marks of what is not finite in another."""
    pieces: list[Piece] = []
    for number, part in enumerate(text.split(BAD)):
        pieces += [(BAD, "error")] if number else []
        pieces += [(part, "primary")] if part else []
    return pieces or [("", "muted")]


def ratio_cell(row: GradientRow) -> Piece:
    """The ratio, marked where a step changes a matrix by a tenth and more; biases begin at zero, where any step is large."""
    if row.ratio is None:
        return ("–", "muted")
    text = norm_text(row.ratio)
    if row.is_vector or row.ratio < LARGE_UPDATE:
        return (text, "muted")
    return (f"▲ {text}", "error" if row.ratio >= HUGE_UPDATE else "warning")


def finding(health: GradientHealth) -> Sequence[Piece]:
    words = health_text(health)
    return [(f"{health.symbol} ", health.tone), (words, health.tone if health.is_trouble else "muted")]


def health_text(health: GradientHealth) -> str:
    return f"{health.state}: {health.why}" if health.why else health.state


def norm_text(value: float) -> str:
    """Always a digit after the point, so that a column reads at a glance: 3.1e-1, 1.0e0."""
    if value - value != 0 or value == 0:
        return formatting.significant(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def parameter_title(row: GradientRow, place: str) -> TextLine:
    words: list[Piece] = [(f" {row.shown}", "strong"), (f"   {row.shape}   ", "muted"), (formatting.number(row.count), "text"), (" parameters", "muted")]
    return [*words, (f"   {place}", "muted")]


def detail(row: GradientRow) -> TextLine:
    """The whole finding on one parameter."""
    return [(f" {row.shown}  ", "text"), *finding(row.health)]


def health_summary(rows: Sequence[GradientRow], sort: str, step: float | None, unmeasured: str = "") -> TextLine:
    if not rows:
        return []
    words: list[Piece] = [(" ", "muted")]
    for health, count in counts(rows):
        words += [(f"{health.symbol} ", health.tone), (f"{count} {health.state}   ", "text" if health.is_trouble else "muted")]
    words.append((f"sorted by {sort}", "muted"))
    if step is not None:
        words.append((f"   measured at step {formatting.number(step)}", "muted"))
    return [*words, (f"   {unmeasured}", "warning")] if unmeasured else words


def reading(curves: ParameterCurves, step: float) -> TextLine:
    """The values at a step of the chart."""
    words: list[Piece] = [(" step ", "muted"), (formatting.number(max(0, round(step))), "strong")]
    for label, series in (("gradient norm", curves.norm), ("weight norm", curves.weight), ("update:weight", curves.ratio)):
        value = at(series, step)
        words += [(f"   {label} ", "muted"), ("–" if value is None else norm_text(value), "strong")]
    return words
