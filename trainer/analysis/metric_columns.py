"""The two columns of a list of runs whose metric is that of the run: the best value, and what stands beside the loss. It is named once in the title, or in each cell where runs differ."""

from __future__ import annotations

from collections.abc import Iterable

from gradtop.trainer.analysis.text import metric_figure
from gradtop.trainer.metrics import ACCURACY, LOSS, metric_of
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Status, clean

SHORT = 12  # characters of a name
FIGURE = 6  # of a value such as 0.9812


class MetricColumn(NamedTuple):
    """The title, and whether each cell has the name of its metric; `width` is enough for both."""

    title: str
    named: bool = False
    width: int = 0


def best_column(statuses: Iterable[Status]) -> MetricColumn:
    """best loss, best acc; best, where runs are told by several metrics."""
    names = {status.monitor for status in statuses if status.best is not None}
    return MetricColumn(f"best {short(names.pop())}") if len(names) == 1 else _named("best", names)


def score_column(statuses: Iterable[Status]) -> MetricColumn:
    """accuracy, R²; score, where runs have several metrics."""
    names = {name for status in statuses if (name := score_name(status))} or {ACCURACY}
    return MetricColumn(clean(metric_of(names.pop()).title, 2 * SHORT)) if len(names) == 1 else _named("score", names)


def _named(title: str, names: Iterable[str]) -> MetricColumn:
    return MetricColumn(title, named=True, width=FIGURE + 1 + max((len(short(name)) for name in names), default=0))


def best_cell(status: Status, *, named: bool) -> str:
    """0.131, or 0.131 loss; – before the first evaluation."""
    return "–" if status.best is None else _cell(status.monitor, status.best, named=named)


def score_cell(status: Status, *, named: bool) -> str:
    """What stands beside the loss in the best evaluation: 0.912, or 0.912 R²; – where there is none."""
    name = score_name(status)
    value = status.metric_at_best(name) if name else None
    return "–" if value is None else _cell(name, value, named=named)


def score_name(status: Status) -> str:
    """The metric, "" where there is none."""
    return "" if status.beside_loss == LOSS or status.metric_at_best(status.beside_loss) is None else status.beside_loss


def short(name: str) -> str:
    return clean(metric_of(name).short, SHORT)


def _cell(name: str, value: float, *, named: bool) -> str:
    return f"{metric_figure(name, value)} {short(name)}" if named else metric_figure(name, value)
