"""The rows of the mode of a quantization run."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradtop.trainer.analysis.formatting import number, percent, significant, size
from gradtop.trainer.analysis.text import NO_LATENCY, metric_figure
from gradtop.trainer.jobs.quantize.result import left_text, speeds
from gradtop.trainer.jobs.quantize.trial import QuantizeTrial, smaller_by
from gradtop.trainer.jobs.quantize.verdict import size_text, times_text
from gradtop.trainer.metrics import ACCURACY, LOSS, metric_of
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.quantize.data import QuantizePart

METHOD_WIDTH, FIGURE_WIDTH, SIZE_WIDTH, SMALLER_WIDTH, FACTOR_WIDTH = 19, 9, 10, 14, 8
WIDE = 100  # columns from which on there is room for the size of the file
SPEEDUP = "speedup by batch size"
NAME_SHARE, LEAST_BAR, NOISE_WIDTH = 0.4, 6, 10
FULL_BAR, NOISY, NOISIER = 60.0, 20.0, 10.0  # dB; 8 bits give about 45, 4 bits about 20


def left_of_factors(width: int) -> int:
    return 3 + METHOD_WIDTH + 2 * FIGURE_WIDTH + SIZE_WIDTH * (width >= WIDE) + SMALLER_WIDTH


def shown_batches(part: QuantizePart, width: int) -> tuple[int, ...]:
    """As many batch sizes as have room."""
    return part.batches[: max((width - left_of_factors(width)) // FACTOR_WIDTH, 1)]


def beside_compiled(part: QuantizePart, width: int) -> bool:
    """Whether there is room for what was compiled, too."""
    return part.compiled and left_of_factors(width) + 2 * FACTOR_WIDTH * len(part.batches) <= width


def shown_metrics(part: QuantizePart) -> tuple[str, ...]:
    """Accuracy, and the monitored metric or the loss; without classes the loss and the monitored metric."""
    measured = [each.accuracy for each in part.trials if not each.error]
    other = part.about.metric if part.about.metric not in {ACCURACY, LOSS} else ""
    if measured and not any(map(math.isfinite, measured)):
        return (LOSS, other) if other else (LOSS,)
    return (ACCURACY, other or LOSS)


def quantize_head(part: QuantizePart, width: int) -> list[TextLine]:
    """The names of the columns."""
    batches = shown_batches(part, width)
    names = {ACCURACY: "accuracy", LOSS: "val loss"}
    figures = "".join(f"{names.get(name) or metric_of(name).short:>{FIGURE_WIDTH}}" for name in shown_metrics(part))
    file = f"{'file':>{SIZE_WIDTH}}{'':>{SMALLER_WIDTH}}" if width >= WIDE else f"{'file':>{SMALLER_WIDTH}}"
    words = f"{'':<3}{'method':<{METHOD_WIDTH}}{figures}{file}"
    columns = "".join(f"{number(batch):>{FACTOR_WIDTH}}" for batch in batches)
    room = FACTOR_WIDTH * max(len(batches), 1)
    groups = [SPEEDUP if len(SPEEDUP) < room else "speedup", *(["compiled"] if beside_compiled(part, width) else [])]
    above = " " * len(words) + "".join(f"{group:>{room}}" for group in groups)
    return [[(above, "muted")], [(words + columns * len(groups), "muted")]]


def method_row(part: QuantizePart, each: QuantizeTrial, width: int, *, cursor: bool) -> TextLine:
    tone = "strong" if cursor else "text"
    start = [(" ▸ " if cursor else "   ", "primary"), (f"{each.method or 'float':<{METHOD_WIDTH}}", tone)]
    if each.error:
        return [*start, (each.error, "warning")]
    whole = part.whole or each
    values = {part.about.metric: each.score, LOSS: each.loss, ACCURACY: each.accuracy}
    words = "".join(metric_column(name, values[name]) for name in shown_metrics(part))
    words += f"{size(each.file_bytes):>{SIZE_WIDTH}}" if width >= WIDE else ""
    words += f"{size_text(smaller_by(each, whole)) if each.method else '':>{SMALLER_WIDTH}}"
    known = {time.batch: time for time in each.latencies}
    if each.method:
        words += "".join(f"{times_text(known[batch].speedup) if batch in known else '–':>{FACTOR_WIDTH}}" for batch in shown_batches(part, width))
        if beside_compiled(part, width):
            words += "".join(f"{times_text(known[batch].compiled_speedup) if batch in known else '–':>{FACTOR_WIDTH}}" for batch in part.batches)
    return [*start, (words, tone)]


def metric_column(metric: str, value: float) -> str:
    return f"{metric_figure(metric, value) if math.isfinite(value) else '–':>{FIGURE_WIDTH}}"


def method_remarks(part: QuantizePart, chosen: QuantizeTrial | None, width: int) -> list[str]:
    """About the method under the cursor: how much of the model it quantizes, who does it, and what is to be known."""
    found = []
    if chosen is not None and chosen.error:
        found.append(f"{chosen.method}: {chosen.error}")
    elif chosen is not None and chosen.method:
        hidden = chosen.latencies and not (beside_compiled(part, width) or (not part.compiled and len(shown_batches(part, width)) == len(part.batches)))
        found.append(
            f"{chosen.method}: {percent(chosen.quantized_share, 1)} of the parameters, by {chosen.backend}{f'; speedup at batch size {speeds(chosen)}' if hidden else ''}"
        )
        compiles = any(time.compiled_speedup > 0 for time in chosen.latencies)
        if any(not time.speedup > 0 or (compiles and not time.compiled_speedup > 0) for time in chosen.latencies):
            found.append(NO_LATENCY)
        found += chosen.notes
    if left := left_text(part.about):
        found.append(f"not quantized: {left}")
    if part.written:
        found.append(f"written checkpoint: {part.written.removeprefix('quantized: ')}")
    return found


def noise_lines(chosen: QuantizeTrial, first: int, width: int, height: int, *, outputs: bool, block: str) -> Iterator[TextLine]:
    """A bar for each layer: the shorter, the more noise."""
    names = max((len(each.name or "the model") for each in chosen.layers), default=0)
    names = max(4, min(names, int(width * NAME_SHARE)))
    room = max(width - names - NOISE_WIDTH - 2, LEAST_BAR)
    for each in chosen.layers[first : first + height]:
        value = each.outputs if outputs else each.weights
        name = each.name or "the model"
        name = name if len(name) <= names else "…" + name[len(name) - names + 1 :]
        length = round(min(max(value, 0.0), FULL_BAR) / FULL_BAR * room) if math.isfinite(value) else 0
        tone = "error" if value < NOISIER else "warning" if value < NOISY else "success"
        words = f"{f'{significant(value)} dB' if math.isfinite(value) else '–':>{NOISE_WIDTH}}"
        yield [(f"{name:<{names}} ", "text"), (words + " ", "text"), (block * length, tone)]
