"""What a table says is to be predicted: classes, values, or labels that are 0 or 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradtop.trainer.data.kinds.table.reading import RawColumn, RawTable, number_word
from gradtop.trainer.data.table_encoding import several_words
from gradtop.trainer.data.targets import CLASSES, LABEL_SETS, VALUES, TargetKind, WantedTargets
from gradtop.trainer.runtime.errors import UserError

FEW = 20  # different integers, up to which they are classes


@dataclass(frozen=True)
class TargetColumns:
    """Class numbers (rows,), or float32 (rows,) or (rows, targets)."""

    kind: TargetKind
    values: Tensor
    classes: tuple[str, ...] = ()


def read_targets(table: RawTable, names: Sequence[str], wanted: WantedTargets) -> TargetColumns:
    """As the task wants them; where it leaves that open, as the columns tell. Raises UserError."""
    columns = [_complete(table, name) for name in names]
    kind = _kind_of(columns) if wanted.open else wanted.kind
    if kind == CLASSES:
        if len(columns) > 1:
            raise UserError(f"data.target names {len(columns)} columns, and a sample has one class; name one column, or set task.kind = regression or multi_label")
        return _classes(table, columns[0])
    return TargetColumns(kind, _numbers(table, columns, kind))


def encode_targets(table: RawTable, names: Sequence[str], kind: TargetKind, classes: Sequence[str]) -> Tensor:
    """Numbered as `classes` are. Raises UserError where a class is not among them."""
    columns = [_complete(table, name) for name in names]
    if kind != CLASSES:
        return _numbers(table, columns, kind)
    column = columns[0].as_words()
    numbers = {name: number for number, name in enumerate(classes)}
    places = torch.tensor([numbers.get(word, -1) for word in column.words or ()])
    labels = places[column.values]
    if bool((strange := labels < 0).any()):
        row = int(strange.nonzero()[0])
        word = (column.words or ())[int(column.values[row])]
        table.refuse(f"{table.place_of([row])}, column {column.name}: {word!r} is not among the classes of the model: {several_words(classes)}")
    return labels


def new_classes(table: RawTable, name: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Those of a target column that are not among `classes`."""
    return tuple(sorted({*(table.column(name, forget=False).as_words().words or ())} - {*classes}))


def _complete(table: RawTable, name: str) -> RawColumn:
    column = table.column(name)
    missing = column.missing
    if bool(missing.any()):
        rows = missing.nonzero().flatten().tolist()
        table.refuse(f"{len(rows):,} row{'s have' if len(rows) > 1 else ' has'} no value of the target {name} ({table.place_of(rows)}); remove {'them' if len(rows) > 1 else 'it'}")
    return column


def _kind_of(columns: Sequence[RawColumn]) -> TargetKind:
    if len(columns) > 1:
        return VALUES
    column = columns[0]
    if column.words is not None or column.boolean:
        return CLASSES
    whole = bool((column.values == column.values.round()).all())
    return CLASSES if whole and len(column.values.unique()) <= FEW else VALUES


def _classes(table: RawTable, column: RawColumn) -> TargetColumns:
    if column.words is None and not bool((column.values == column.values.round()).all()):
        row = int((column.values != column.values.round()).nonzero()[0])
        table.refuse(
            f"{table.place_of([row])}: the target {column.name} is {number_word(float(column.values[row]))}, and classes are words or whole numbers; set task.kind = regression"
        )
    numbers = column.words is None
    column = column.as_words()
    # Numbers stand in their own order.
    counts = torch.bincount(column.values, minlength=len(column.words or ()))
    present = [(word, number) for number, word in enumerate(column.words or ()) if int(counts[number])]
    present = present if numbers else sorted(present)
    if len(present) < 2:
        table.refuse(f"every row has the target {column.name} = {present[0][0]!r}; a classifier needs at least two classes")
    places = torch.full((len(column.words or ()),), -1)
    for place, (_, number) in enumerate(present):
        places[number] = place
    return TargetColumns(CLASSES, places[column.values], tuple(word for word, _ in present))


def _numbers(table: RawTable, columns: Sequence[RawColumn], kind: TargetKind) -> Tensor:
    for column in columns:
        if column.words is not None:
            word = column.words[int(column.values[0])]
            table.refuse(f"{table.place_of([0])}: the target {column.name} is {word!r}, and numbers are expected; name another column, or set task.kind = classification")
        if kind == LABEL_SETS and bool((wrong := (column.values != 0) & (column.values != 1)).any()):
            row = int(wrong.nonzero()[0])
            table.refuse(f"{table.place_of([row])}: the target {column.name} is {number_word(float(column.values[row]))}, and 0 or 1 is expected")
    values = torch.stack([column.values.float() for column in columns], 1)
    return values if len(columns) > 1 or kind == LABEL_SETS else values[:, 0]
