"""The rows of the mode of a pruning run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from gradtop.trainer.analysis.formatting import number, percent, significant, size
from gradtop.trainer.analysis.text import metric_figure
from gradtop.trainer.jobs.prune.config import REMOVAL
from gradtop.trainer.jobs.prune.result import MASKS_SAVE_NOTHING, PruneAbout, checked_text, pruning_verdict
from gradtop.trainer.jobs.prune.table import speedup
from gradtop.trainer.jobs.prune.trial import PruneTrial, choice_text, layer_sparsity, sparsity
from gradtop.trainer.metrics import ACCURACY, LOSS, metric_of
from gradtop.trainer.named_tuple import NamedTuple
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

MARK, SAMPLE, METHOD_WIDTH, AMOUNT_WIDTH, METRIC_WIDTH, BEST_WIDTH = 3, 4, 15, 7, 9, 9
START = MARK + SAMPLE + METHOD_WIDTH + AMOUNT_WIDTH
MARGIN = 1  # on the right
SPEEDUP, BEST = "speedup for", "largest"
NAME_SHARE, LEAST_BAR = 0.5, 6


def method_style(place: int) -> str:
    """How the line of a method is drawn."""
    return LINES[place % len(LINES)]


class PruneColumn(NamedTuple):
    """A figure of each measurement; where there is no room for all, those with the highest `priority` are left out first."""

    name: str
    width: int
    priority: int
    text: Callable[[PruneTrial], str]
    above: str = ""


def columns(part: PrunePart, width: int) -> list[PruneColumn]:
    """Those that have room, from left to right."""
    names = {ACCURACY: "accuracy", LOSS: "val loss", SCORE: metric_of(part.about.metric).short}
    chosen = SCORE if SCORE in part.metrics else part.about.metric
    found = [PruneColumn(names[each], METRIC_WIDTH, 0 if each == chosen else 2, partial(metric_text, part.about.metric if each == SCORE else each, each)) for each in part.metrics]
    found += [
        PruneColumn("zeros", 8, 1, lambda each: percent(sparsity(each, part.whole or each), 1)),
        PruneColumn("parameters", 12, 6, lambda each: number(each.of(PARAMETER_COUNT))),
        PruneColumn("file", 10, 5, lambda each: size(each.of(FILE_BYTES))),
        PruneColumn("zlib", 9, 3, lambda each: size(each.of(COMPRESSED_BYTES))),
        PruneColumn("1", 7, 4, lambda each: speedup(each.of(BASE_LATENCY), each.of(LATENCY))),
        PruneColumn(f"{part.about.batch}", 7, 4, lambda each: speedup(each.of(BASE_BATCH_LATENCY), each.of(BATCH_LATENCY)), SPEEDUP),
    ]
    while START + sum(each.width for each in found) + MARGIN > width and (least := max(found, key=lambda each: each.priority)).priority:
        found = [each for each in found if each.priority != least.priority]
    return found


def head(part: PrunePart, width: int) -> tuple[TextLine, TextLine]:
    """The names of the columns."""
    shown = columns(part, width)
    words = f"{'':<{MARK + SAMPLE}}{'method':<{METHOD_WIDTH}}{'amount':>{AMOUNT_WIDTH}}"
    above = f"{SPEEDUP:>{START + sum(each.width for each in shown)}}" if any(each.above for each in shown) else ""
    return [(above, "muted")], [(words + "".join(f"{each.name:>{each.width}}" for each in shown), "muted")]


def trial_rows(part: PrunePart, at: int, samples: Sequence[str], width: int, height: int) -> Iterator[TextLine]:
    """As many as have room around the cursor; `samples` show how the line of each method is drawn."""
    shown = columns(part, width)
    roomy = START + sum(each.width for each in shown) + BEST_WIDTH + MARGIN <= width
    first = min(max(0, at - height // 2), max(0, len(part.trials) - height))
    for place, each in list(enumerate(part.trials))[first : first + height]:
        method = part.methods.index(each.method) if each.method in part.methods else None
        sample = (f"{samples[method % len(samples)]:<{SAMPLE}}", f"line-{method_style(method)}") if method is not None else (" " * SAMPLE, "text")
        best = place == part.best
        start: list[tuple[str, str]] = [("◆" if best and not roomy else " ", "success"), ("▸ " if place == at else "  ", "primary"), sample]
        yield [*start, *row(each, shown, tone="strong" if place == at or best else "text"), *([(f"{BEST:>{BEST_WIDTH}}", "success")] if best and roomy else [])]


def row(each: PruneTrial, shown: Sequence[PruneColumn], *, tone: str) -> TextLine:
    words = f"{each.method or 'unpruned':<{METHOD_WIDTH}}{f'{significant(100 * each.amount)} %' if each.method else '':>{AMOUNT_WIDTH}}"
    if each.error:
        return [(words, tone), (f"  {each.error}", "warning")]
    return [(words + "".join(f"{column.text(each):>{column.width}}" for column in shown), tone)]


def metric_text(metric: str, figure: str, each: PruneTrial) -> str:
    value = each.of(figure)
    return metric_figure(metric, value) if math.isfinite(value) else "–"


def pruning_conclusion(part: PrunePart, chosen: PruneTrial | None) -> TextLine:
    """What was found, so far or in the end; of removed channels how they were checked."""
    if chosen is not None and chosen.method == REMOVAL and not chosen.error:
        return [(f" {REMOVAL} ", "muted"), (checked_text(chosen), "text")]
    if chosen is not None and chosen.error:
        return [(f" {choice_text(chosen.method, chosen.amount)} ", "muted"), (chosen.error, "warning")]
    told = pruning_verdict(part.trials, part.about)
    if not told:
        return [(" nothing was measured" if part.ended else " the unpruned model is being measured", "muted")]
    return [(" " if part.ended else " so far ", "muted"), (told, "text")]


def remark(part: PrunePart, fork: str = "f") -> TextLine:
    """What was written, and the key or command `fork`; else that masks save nothing by themselves."""
    if part.written:
        return [(" written ", "muted"), (part.written, "success"), (f"  in checkpoints/; {fork} trains it on", "muted")]
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
