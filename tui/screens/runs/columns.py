"""The columns of the list of runs: those it has unless somebody chose others, and how each is drawn."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.metric_columns import MetricColumn
from gradtop.trainer.analysis.run_fields import CHANGE, FIELDS, field_of
from gradtop.trainer.metrics import ACCURACY
from gradtop.trainer.record import clean
from gradtop.tui.widgets.columns import TableColumn

if TYPE_CHECKING:
    from gradtop.tui.ui_state import UiState

KEY = "runs.columns"
MOST = 24
EPOCH = 8
ALWAYS = (TableColumn("run", 24, 15, sort="name"), TableColumn("state", 12, sort="state"))
# Where there is no room, the highest priority goes first.
DECLARED: Mapping[str, TableColumn] = {
    "started": TableColumn("started", 12, priority=7, right=True, sort="started"),
    "duration": TableColumn("took", 8, priority=8, right=True, sort="duration"),
    "epoch": TableColumn("epoch", EPOCH, priority=2, right=True, sort="epoch"),
    "val_loss": TableColumn("val loss", 8, priority=1, right=True, sort="val_loss"),
    "best": TableColumn("best", 8, right=True, sort="best"),
    ACCURACY: TableColumn("accuracy", 8, priority=9, right=True, sort="accuracy"),
    "finding": TableColumn("finding", 26, 15, priority=6),
    CHANGE: TableColumn("changed against its parent", 30, 26, priority=5, grow=True),
    "lr": TableColumn("lr", 8, priority=9, right=True, sort="lr"),
    "model": TableColumn("model", 14, 8, priority=10, sort="model"),
    "data": TableColumn("data", 14, 8, priority=11, sort="data"),
    "tag": TableColumn("tags", 16, 8, priority=12, sort="tag"),
    "note": TableColumn("note", 30, 12, priority=13, grow=True, sort="note"),
}
USUAL = ("started", "duration", "epoch", "val_loss", "best", ACCURACY, "finding", CHANGE, "lr", "model", "data", "tag")
NUMBERS = frozenset({"batch_size", "step", "loss", "parameters"})
NOT_COLUMNS = frozenset({"name", "state", "pinned"})
WIDEST = 24


def kept_columns(memory: UiState) -> tuple[str, ...]:
    """Those that were chosen, in that order; else the usual ones."""
    try:
        names = json.loads(memory.get(KEY) or "null")
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list):
        return USUAL
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and 0 < len(name) <= 200 and name not in NOT_COLUMNS))[:MOST]


def written(names: Sequence[str]) -> str:
    """What is remembered of them: nothing of the usual ones, which another version may have others of."""
    return "" if tuple(names) == USUAL else json.dumps(list(names[:MOST]))


def shown_columns(names: Sequence[str], *, forced: Collection[str] = (), spared: Collection[str] = (), metrics: Mapping[str, MetricColumn] = MappingProxyType({})) -> tuple[tuple[str, ...], tuple[TableColumn, ...]]:
    """The names and their columns; `forced` stand there whatever was chosen, and are left out late; `spared` only where somebody chose them; `metrics` have titles of those whose metric is that of the runs."""
    usual = tuple(names) == USUAL
    chosen = [name for name in names if not (usual and name in spared)]
    for name in forced:
        chosen = [each for each in chosen if each != name]
        chosen.insert(chosen.index("best") + 1 if "best" in chosen else 0, name)
    columns = [titled(column_of(name), metrics.get(name)) for name in chosen]
    if not usual:
        columns = [column._replace(priority=place) for place, column in enumerate(columns, 1)]
    columns = [column._replace(priority=1) if name in forced else column for name, column in zip(chosen, columns, strict=True)]
    return tuple(chosen), (*ALWAYS, *columns)


def titled(column: TableColumn, metric: MetricColumn | None) -> TableColumn:
    if metric is None:
        return column
    width = max(column.width, len(metric.title), metric.width)
    return column._replace(name=metric.title, width=width, least=width)


def column_of(name: str) -> TableColumn:
    if name in DECLARED:
        return DECLARED[name]
    field = field_of(name)
    title = clean(field.title or name, 60)
    right = name in NUMBERS or field.result or "." in name
    return TableColumn(title, max(8, min(WIDEST, len(title) + 1)), 8, right=right, keep="end" if "." in name else "start", sort=name)


def all_names(known: Collection[str]) -> dict[str, str]:
    """Every column there could be, with what is said of it; `known` are the keys and metrics of the runs."""
    found = {name: field.help for name, field in FIELDS.items() if name not in NOT_COLUMNS}
    found[CHANGE] = "changes against its parent, or its last words"
    for name in sorted(known, key=lambda name: ("." in name, name)):
        found.setdefault(name, "" if "." in name else "newest evaluation")
    return found
