"""The confusion matrix in figures, the classes by their accuracy, the worst samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from gradtop.trainer.analysis.formatting import number, si, significant
from gradtop.trainer.analysis.text import metric_text
from gradtop.trainer.metrics import ACCURACY, MEAN_IOU
from gradtop.trainer.record import clean
from gradtop.trainer.record.classification import Classification
from gradtop.tui.format import ellipsis
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.classes.data import ClassesPart
from gradtop.tui.widgets.columns import Piece

LABEL = 12  # cells of a class name beside the matrix
CELL = 5  # of a figure and the space before it
NAME = 12
LARGE = 1e4  # of a loss
BAR = 6
MANY, SOME = 0.1, 0.02  # shares of a class that are marked
MANY_MARK, SOME_MARK = "!", "*"


def title_line(part: ClassesPart, width: int) -> TextLine:
    """Of which evaluation, and as many of its metrics as there is room for."""
    found = part.found
    if found is None:
        return [(" classes", "strong")]
    of = "the best" if part.best else "the newest"
    by = f" by {clean(part.status.monitored.title, 30)}" if part.best else ""
    accuracy = found.right / max(sum(found.support), 1)
    figures = {MEAN_IOU: found.mean_iou, ACCURACY: accuracy} if part.of_pixels else {ACCURACY: accuracy, **found.metrics}
    head = f"{found.when}, {of}{by}   "
    said = [metric_text(name, value) for name, value in figures.items()]
    while len(said) > 1 and cell_len(f" classes  {head}{' · '.join(said)}") > width:
        said.pop()
    return [(" classes  ", "strong"), (head, "muted"), (" · ".join(said), "text")]


def fits(found: Classification, width: int, height: int) -> bool:
    """Whether the matrix has room in figures."""
    return matrix_width(found) <= width and found.classes + 1 <= height


def matrix_width(found: Classification) -> int:
    return label_width(found) + 1 + CELL * (found.classes + bool(without(found)))


def label_width(found: Classification) -> int:
    return min(LABEL, max(len(clean(found.name(each), LABEL)) for each in range(found.classes)))


def without(found: Classification) -> int:
    """Samples without a prediction."""
    return sum(count for _, predicted, count in found.confused if predicted == found.classes)


def matrix_lines(found: Classification) -> list[TextLine]:
    """A row for each class, a column for what is predicted; shares of a class from 2 and from 10 % on have a mark."""
    wide, columns = label_width(found), found.classes + bool(without(found))
    counts = {(label, predicted): count for label, predicted, count in found.confused} | {(each, each): hits for each, hits in enumerate(found.hits)}
    head: list[Piece] = [(f" {'':<{wide}}", "muted")]
    head += [(f" {ellipsis(clean(found.name(each), CELL - 1), CELL - 1):>{CELL - 1}}", "muted") for each in range(columns)]
    lines: list[TextLine] = [head]
    for label in range(found.classes):
        line: list[Piece] = [(f" {ellipsis(clean(found.name(label), wide), wide):<{wide}}", "muted")]
        line += [cell(counts.get((label, predicted), 0), found.support[label], right=label == predicted) for predicted in range(columns)]
        lines.append(line)
    key: TextLine = [(" row: class, column: prediction; ", "muted"), (f"{SOME_MARK} ≥ 2 %", "warning"), (", ", "muted"), (f"{MANY_MARK} ≥ 10 %", "error"), (" of a class", "muted")]
    return [*lines, key]


def cell(count: int, of: int, *, right: bool) -> Piece:
    text = str(count) if count < 10_000 else si(float(f"{count:.2g}"))
    if not count:
        return f"{'·':>{CELL}}", "faint"
    share = count / of if of else 0.0
    if right:
        return f"{text:>{CELL}}", "success"
    mark, tone = (MANY_MARK, "error") if share >= MANY else (SOME_MARK, "warning") if share >= SOME else ("", "text")
    return f"{mark + text:>{CELL}}", tone


def class_lines(found: Classification, *, bars: bool = True, of_pixels: bool = False) -> list[TextLine]:
    """The classes that occur, the one with the lowest accuracy first (of pixels: the lowest IoU), and what each is taken for most often."""
    mistaken: dict[int, tuple[int, int]] = {}
    for label, predicted, count in found.confused:
        mistaken.setdefault(label, (predicted, count))
    if of_pixels:
        return [class_line(found, each, mistaken.get(each), found.iou(each), bars=bars) for each in found.lowest_iou_first()]
    return [class_line(found, each, mistaken.get(each), found.recall(each), bars=bars) for each in found.worst_first()]


def class_line(found: Classification, number_: int, mistaken: tuple[int, int] | None, share: float, *, bars: bool) -> TextLine:
    tone = "error" if not share else "warning" if share < 0.5 else "text"
    line: list[Piece] = [
        (f" {ellipsis(clean(found.name(number_), NAME), NAME):<{NAME}}", "text"),
        (f" {100 * share:5.1f} %", tone),
        (f" {'━' * round(BAR * share):<{BAR}}" if bars else "", "primary"),
        (f" {number(found.support[number_]):>5}", "muted"),
    ]
    if mistaken is not None:
        line.append((f"  {number(mistaken[1])}× as {ellipsis(clean(found.name(mistaken[0]), NAME), NAME)}", "muted"))
    return line


def worst_lines(found: Classification) -> Iterator[TextLine]:
    for each in found.worst:
        label, predicted = (clean(found.name(one), NAME) for one in (each.label, each.predicted))
        yield [(f" {each.sample:>7}", "muted"), (f" {f'{each.loss:.2f}' if abs(each.loss) < LARGE else significant(each.loss):>8}", "text"), (f"  {label}", "text"), (f" as {predicted}" if each.label != each.predicted else "", "error")]


def copied(found: Classification) -> str:
    """Tab-separated: label, predicted class, count."""
    rows: Sequence[tuple[int, int, int]] = [*((each, each, hits) for each, hits in enumerate(found.hits)), *found.confused]
    return "\n".join(f"{clean(found.name(label), 100)}\t{clean(found.name(predicted), 100)}\t{count}" for label, predicted, count in sorted(rows))
