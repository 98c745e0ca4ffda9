"""The rows of the mode of a pruning run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from gradtop.trainer.analysis.formatting import number, percent, significant, size
from gradtop.trainer.analysis.text import metric_figure
from gradtop.trainer.jobs.prune.config import REMOVAL
from gradtop.trainer.jobs.prune.result import MASKS_SAVE_NOTHING, PruneAbout, checked_text, pruning_verdict, speedup
from gradtop.trainer.jobs.prune.trial import PruneTrial, layer_sparsity, sparsity
from gradtop.trainer.metrics import ACCURACY, LOSS, metric_of
from gradtop.trainer.record.streams.registry import (
    BASE_BATCH_LATENCY,
    BASE_LATENCY,
    BATCH_LATENCY,
    COMPRESSED_BYTES,
    FILE_BYTES,
    LATENCY,
    PARAMETER_COUNT,
    SCORE,
)
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.prune.data import PrunePart
from gradtop.tui.widgets.chart_styles import LINES

SAMPLE, METHOD_WIDTH, AMOUNT_WIDTH, FIGURE_WIDTH, SIZE_WIDTH, FACTOR_WIDTH, COUNT_WIDTH = 4, 15, 7, 9, 10, 7, 12
WIDE = 110  # columns from which on there is room for all figures
NAME_SHARE, LEAST_BAR = 0.5, 6


def method_style(place: int) -> str:
    """How the line of a method is drawn."""
    return LINES[place % len(LINES)]


def head(part: PrunePart, width: int) -> tuple[TextLine, TextLine]:
    """The names of the columns."""
    names = {ACCURACY: "accuracy", LOSS: "val loss", SCORE: metric_of(part.about.metric).short}
    figures = "".join(f"{names[each]:>{FIGURE_WIDTH}}" for each in part.metrics)
    words = f"{'':<{3 + SAMPLE}}{'method':<{METHOD_WIDTH}}{'amount':>{AMOUNT_WIDTH}}{figures}{'zeros':>{FIGURE_WIDTH}}"
    words += f"{'parameters':>{COUNT_WIDTH}}" if width >= WIDE else ""
    words += f"{'file':>{SIZE_WIDTH}}{'zlib':>{SIZE_WIDTH}}" if width >= WIDE else f"{'zlib':>{SIZE_WIDTH}}"
    factor = FACTOR_WIDTH + 2 * (width >= WIDE)
    above = f"{'speedup for':>{len(words) + 2 * factor}}"
    words += f"{'1':>{factor}}{f'{part.about.batch}':>{factor}}"
    return [(above, "muted")], [(words, "muted")]


def trial_rows(part: PrunePart, at: int, samples: Sequence[str], width: int, height: int) -> Iterator[TextLine]:
    """As many as have room around the cursor; `samples` show how the line of each method is drawn."""
    first = min(max(0, at - height // 2), max(0, len(part.trials) - height))
    for place, each in list(enumerate(part.trials))[first : first + height]:
        method = part.methods.index(each.method) if each.method in part.methods else None
        sample = (f"{samples[method % len(samples)]:<{SAMPLE}}", f"line-{method_style(method)}") if method is not None else (" " * SAMPLE, "text")
        yield row(part, each, sample, width, cursor=place == at, best=place == part.best)


def row(part: PrunePart, each: PruneTrial, sample: tuple[str, str], width: int, *, cursor: bool, best: bool) -> TextLine:
    tone = "strong" if cursor or best else "text"
    start: list[tuple[str, str]] = [
        (" ▸ " if cursor else "   ", "primary"), sample,
        (f"{each.method or 'unpruned':<{METHOD_WIDTH}}{f'{significant(100 * each.amount)} %' if each.method else '':>{AMOUNT_WIDTH}}", tone),
    ]  # fmt: skip
    if each.error:
        return [*start, (f"  {each.error}", "warning")]
    whole = part.whole or each
    words = "".join(figure(part.about.metric if name == SCORE else name, each.of(name)) for name in part.metrics)
    words += f"{percent(sparsity(each, whole), 1):>{FIGURE_WIDTH}}"
    words += f"{number(each.of(PARAMETER_COUNT)):>{COUNT_WIDTH}}{size(each.of(FILE_BYTES)):>{SIZE_WIDTH}}" if width >= WIDE else ""
    factor = FACTOR_WIDTH + 2 * (width >= WIDE)
    words += f"{size(each.of(COMPRESSED_BYTES)):>{SIZE_WIDTH}}{speedup(each.of(BASE_LATENCY), each.of(LATENCY)):>{factor}}{speedup(each.of(BASE_BATCH_LATENCY), each.of(BATCH_LATENCY)):>{factor}}"
    return [*start, (words, tone), *([("  largest", "success")] if best else [])]


def figure(metric: str, value: float) -> str:
    return f"{metric_figure(metric, value) if math.isfinite(value) else '–':>{FIGURE_WIDTH}}"


def pruning_conclusion(part: PrunePart, chosen: PruneTrial | None) -> TextLine:
    """What was found, so far or in the end; of removed channels how they were checked."""
    if chosen is not None and chosen.method == REMOVAL and not chosen.error:
        return [(f" {REMOVAL} ", "muted"), (checked_text(chosen), "text")]
    told = pruning_verdict(part.trials, part.about)
    if not told:
        return [(" nothing was measured" if part.ended else " the unpruned model is being measured", "muted")]
    return [(" " if part.ended else " so far ", "muted"), (told, "text")]


def remark(part: PrunePart) -> TextLine:
    """What was written, else that masks save nothing by themselves."""
    if part.written:
        return [(" written ", "muted"), (part.written, "success"), ("  in checkpoints/; f trains it on", "muted")]
    return [(f" {MASKS_SAVE_NOTHING}", "muted")]


def layer_lines(trial: PruneTrial, about: PruneAbout, first: int, width: int, height: int, *, block: str) -> Iterator[TextLine]:
    """The share of each layer's weights that is zero or gone, as bars."""
    seen = list(zip(about.layers, trial.layers, strict=False))[first : first + height]
    room = max(8, min(max((len(name) for (name, _), _ in seen), default=8), int(width * NAME_SHARE)))
    bar = max(width - room - 10, LEAST_BAR)
    for (name, weights), nonzero in seen:
        share = layer_sparsity(nonzero, weights)
        label = name or "(model)"
        label = label if len(label) <= room else f"…{label[len(label) - room + 1 :]}"
        filled = round(bar * share) if math.isfinite(share) else 0
        yield [(f" {label:<{room}} ", "text"), (block * filled, "primary"), (" " * (bar - filled), "muted"), (f"{percent(share):>7}", "text")]
