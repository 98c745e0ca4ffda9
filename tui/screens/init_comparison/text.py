"""The init_rows of the mode of a comparison of initializations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.jobs.init_comparison.result import interval_text, verdict
from gradtop.trainer.jobs.init_comparison.summary import InitSummary
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.init_comparison.data import InitPart
from gradtop.tui.widgets.chart_styles import LINES

SAMPLE, LABEL, LOSS, RATIO = 4, 15, 17, 11
FIGURES = 5  # pieces of a row, before what is said of them
WIDE = 70  # columns from which on there is room to say what stands beside the figures
HEAD: tuple[TextLine, ...] = (
    [(f"{'':<{3 + SAMPLE + LABEL}}{'loss after':>{LOSS}}{'activations':>{RATIO + 1}}{'gradients':>{RATIO}}", "muted")],
    [(f"{'':<{3 + SAMPLE}}{'init':<{LABEL}}{'the steps':>{LOSS}}{'last/first':>{RATIO + 1}}{'first/last':>{RATIO}}", "muted")],
)


def style_of(place: int) -> str:
    """How the lines of an initialization are drawn in all charts."""
    return LINES[place % len(LINES)]


def init_rows(part: InitPart, at: int, samples: Sequence[str], width: int = WIDE) -> Iterator[TextLine]:
    """`samples` show how the lines of each are drawn."""
    ranking = part.ranking
    for place, each in enumerate(ranking.inits):
        sample = (f"{samples[place % len(samples)]:<{SAMPLE}}", f"line-{style_of(place)}")
        line = row(each, sample, cursor=place == at, best=each.init == ranking.best, near=each.init in ranking.indistinguishable)
        yield line if width >= WIDE else line[:FIGURES]


def row(each: InitSummary, sample: tuple[str, str], *, cursor: bool, best: bool, near: bool) -> TextLine:
    tone = "strong" if cursor or best else "text"
    said = "best" if best else "like the best" if near else ""
    return [
        (" ▸ " if cursor else "   ", "primary"),
        sample,
        (f"{each.init:<{LABEL}}", tone),
        (f"{interval_text(each) or '–':>{LOSS}}", tone),
        (f"{figure(each.activation_ratio):>{RATIO + 1}}{figure(each.gradient_ratio):>{RATIO}}  ", "text"),
        *([(f"{said}{'; ' if said and each.remarks else ''}", "success")] if said else []),
        *([("; ".join(each.remarks), "warning")] if each.remarks else []),
    ]


def figure(value: float) -> str:
    return significant(value) if value == value else "–"


def conclusion(part: InitPart, chosen: InitSummary | None = None) -> TextLine:
    """What was found, so far or in the end; of one that was chosen what is wrong with it, if anything is."""
    if chosen is not None and chosen.remarks:
        return [(f" {chosen.init} ", "muted"), ("; ".join(chosen.remarks), "warning")]
    told = verdict(part.ranking)
    if not told:
        return [(" nothing was measured" if part.ended else " the first initialization is being measured", "muted")]
    return [(" best " if part.ended else " best so far ", "muted"), (told, "text")]
