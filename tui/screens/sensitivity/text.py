"""The rows of the mode of a sensitivity analysis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from gradtop.trainer.analysis.formatting import percent, setting_text, significant
from gradtop.trainer.analysis.formatting import share as fraction
from gradtop.trainer.jobs.search.outcome import EVALUATORS
from gradtop.trainer.jobs.sensitivity.outcome import FieldEffect, PointMean, SensitivityOutcome
from gradtop.trainer.jobs.sensitivity.result import (
    UNITS,
    base_words,
    change_words,
    failed_words,
    interval_words,
    size_of,
)
from gradtop.tui.format import ellipsis
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.sensitivity.data import SensitivityPart

MARK, LABEL, FIGURES, RANGE, VALUE = 3, 24, 25, 24, 10
SMALL = 70  # columns below which keys stand without their sections
WIDE = 110  # columns from which on range, base and best stand in each row
LEAST_BAR = 8
BAR, LOW, BETWEEN, HIGH, NARROW, BASE, DOT, TRACK = "▆", "├", "─", "┤", "│", "┊", "●", "·"
SETTING, MEAN, CHANGE, SAID = 16, 12, 12, 24


def label_width(width: int) -> int:
    return LABEL if width >= SMALL else LABEL - 8


def bar_width(width: int) -> int:
    """Columns that are left for the bars."""
    return max(width - MARK - label_width(width) - FIGURES - (RANGE + 2 * VALUE if width >= WIDE else 0) - 4, LEAST_BAR)


def heading(width: int, *, normalised: bool) -> TextLine:
    title = f"{'':<{MARK}}{'field':<{label_width(width)}}{'normalised deviation' if normalised else 'deviation':<{FIGURES}}"
    bars = bar_width(width) + 2
    more = f"{'':<{bars}}{'range':<{RANGE}}{'base':>{VALUE}}{'best':>{VALUE}}" if width >= WIDE else ""
    return [(title + more, "muted")]


def effect_rows(effects: Sequence[FieldEffect], at: int, width: int, height: int, *, normalised: bool) -> Iterator[TextLine]:
    """One line for each field, so many that the one `at` the cursor is among them."""
    first = max(0, min(at - height + 1, len(effects) - height))
    most = max((each for effect in effects for each in size_of(effect, normalised=normalised) if math.isfinite(each)), default=0.0)
    for place, effect in enumerate(effects[first : first + max(height, 0)], first):
        yield effect_row(effect, width, most, cursor=place == at, normalised=normalised)


def effect_row(effect: FieldEffect, width: int, most: float, *, cursor: bool, normalised: bool) -> TextLine:
    size = size_of(effect, normalised=normalised)
    tone = "strong" if cursor else "text"
    bars, label = bar_width(width), label_width(width)
    key = effect.key if width >= SMALL else effect.key.rpartition(".")[2]
    more = f"{ellipsis(effect.written, RANGE - 1):<{RANGE}}{short(effect.base):>{VALUE}}{short(effect.best):>{VALUE}}" if width >= WIDE else ""
    figures = interval_words(*size) + ("" if not effect.failed else f" {effect.failed}×")
    return [
        (" ▸ " if cursor else "   ", "primary"),
        (f"{ellipsis(key, label - 1, keep='end'):<{label}}", tone),
        (f"{figures:<{FIGURES}}", tone if math.isfinite(size[0]) else "muted"),
        *interval_bar(size, most, bars, tone="primary" if cursor else "muted"),
        (f"  {more}", tone),
    ]


def short(value: object) -> str:
    return ellipsis(setting_text(value), VALUE - 1)


def part_of(value: float, most: float) -> float:
    """From 0 to 1, whatever a file says that both are."""
    share = value / most if most > 0 else 0.0
    return min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0


def interval_bar(size: tuple[float, float, float], most: float, width: int, *, tone: str) -> list[tuple[str, str]]:
    """A bar as long as the deviation, with its interval over it."""
    value, low, high = size
    if not math.isfinite(value) or not most > 0:
        return [(" " * width, tone)]
    cells = [(BAR, tone) if place < round(part_of(value, most) * width) else (" ", tone) for place in range(width)]
    if math.isfinite(low) and math.isfinite(high):
        first, last = (max(round(part_of(each, most) * width) - 1, 0) for each in (low, high))
        for place in range(first, last + 1):
            cells[place] = (NARROW if first == last else LOW if place == first else HIGH if place == last else BETWEEN, "warning")
    return cells


def effect_in_full(effect: FieldEffect, *, normalised: bool) -> list[TextLine]:
    """Two lines on the field under the cursor."""
    best = setting_text(effect.best) if effect.best != "" else "not known"
    first: TextLine = [(f" {effect.key}", "strong"), ("   best ", "text"), (best, "success"), (f"   base {setting_text(effect.base)}   range {effect.written}", "text")]
    failed = (f"   {failed_words(effect.failed)}" if effect.failed else "", "warning")
    if normalised:
        return [first, [(f" {division(effect)}", "text"), failed]]
    change = change_words(effect)
    told = f" largest change {change}" if change else " no other value than that of the base is measured yet"
    return [first, [(told, "text" if change and not effect.in_the_noise else "muted"), failed]]


def division(effect: FieldEffect) -> str:
    """How the deviation was normalised."""
    if effect.scale == "choice":
        return "a choice has no width: its deviation is not divided"
    width = f"{significant(effect.width)} decades" if effect.scale == "log" else significant(effect.width)
    return f"deviation {mean_text(effect.deviation)} / {width} = {mean_text(effect.normalised)} {UNITS.get(effect.scale, '')}"


def value_rows(effect: FieldEffect, width: int, height: int) -> Iterator[TextLine]:
    """The mean with each value of a field, on one scale with that of the base; the best of them in view."""
    known = [each.mean for each in effect.points if math.isfinite(each.mean)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    base = next((each.mean for each in effect.points if each.value == effect.base), math.nan)
    room = width - MARK - SETTING - MEAN - CHANGE - SAID
    yield [(f"{'':<{MARK}}{'value':<{SETTING}}{'mean':>{MEAN}}{'change':>{CHANGE}}", "muted")]
    best = next((place for place, each in enumerate(effect.points) if each.value == effect.best), 0)
    first = max(0, min(best - height + 3, len(effect.points) - height + 1))
    for each in effect.points[first : first + max(height - 1, 0)]:
        is_base, is_best = each.value == effect.base, each.value == effect.best
        said = ", ".join([*(["base"] if is_base else []), *(["best"] if is_best else []), *([f"{each.failed} failed"] if each.failed else [])])
        yield [
            ("   ", "text"),
            (f"{ellipsis(setting_text(each.value), SETTING - 1):<{SETTING}}", "strong" if is_best else "text"),
            (f"{mean_text(each.mean):>{MEAN}}{'' if is_base else signed(each):>{CHANGE}}  ", "strong" if is_best else "text"),
            *(dotted(each.mean, base, low, high, room) if room >= LEAST_BAR else ()),
            (f"  {said}", "warning" if each.failed else "success" if is_best else "muted"),
        ]


def mean_text(value: float) -> str:
    return significant(value) if math.isfinite(value) else "–"


def signed(each: PointMean) -> str:
    return f"{'+' if each.change > 0 else ''}{significant(each.change)}" if math.isfinite(each.change) else ""


def dotted(value: float, base: float, low: float, high: float, width: int) -> list[tuple[str, str]]:
    """A dot at the value, and a line where that of the base is."""

    def place(of: float) -> int:
        return round(part_of(of - low, high - low) * (width - 1))

    cells = [(TRACK, "faint")] * width
    if math.isfinite(base):
        cells[place(base)] = (BASE, "text")
    if math.isfinite(value):
        cells[place(value)] = (DOT, "primary")
    return cells


def summary_rows(part: SensitivityPart, *, normalised: bool) -> list[TextLine]:
    """What the fields are compared with, how far it is, and how they are ranked."""
    outcome = part.outcome
    first: TextLine = [
        (" base ", "muted"),
        (base_words(outcome) or "is being trained", "text"),
        (f"   {part.done} of {part.total} trainings" + ("" if part.ended else ", so far"), "muted"),
        (f"   {outcome.failed} failed" if outcome.failed else "", "warning"),
    ]
    how = "deviation per decade (log) or unit (linear)" if normalised else "deviation: largest − smallest mean over the range"
    interval = f"; ├─┤ {percent(outcome.level)} bootstrap interval" if len(outcome.seeds) > 1 else ""
    return [first, [(f" {how}{interval}", "muted")]]


def importance_rows(outcome: SensitivityOutcome) -> Iterator[TextLine]:
    """The importances of a search, a line for each evaluator."""
    for evaluator, shares in outcome.importances.items():
        words = "   ".join(f"{key.rpartition('.')[2]} {fraction(share, 2)}" for key, share in sorted(shares.items(), key=lambda each: -each[1]))
        yield [(f" {EVALUATORS.get(evaluator, evaluator)} importances ({outcome.search_name})   ", "muted"), (words, "text")]
