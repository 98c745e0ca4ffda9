"""Columns as inputs of a model: what each is taken as, found in the training rows, and the rows encoded by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gradtop.trainer.data.kinds.table.reading import RawColumn, RawTable
from gradtop.trainer.data.table_encoding import WITHOUT_MISSING, CategoryColumn, NumberColumn, TableEncoding

SEQUENCE = 10  # rows, from which on integers that follow one another number the rows
Encoded = NumberColumn | CategoryColumn


@dataclass
class FoundColumns:
    """What became of the columns: their encodings, their inputs by name for each part, and why others were left out."""

    numbers: list[NumberColumn] = field(default_factory=list)
    categories: list[CategoryColumn] = field(default_factory=list)
    parts: Sequence[dict[str, Tensor]] = field(default_factory=lambda: ({}, {}, {}))
    left_out: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)

    def inputs(self, part: int) -> Tensor:
        """(rows, columns): numbers, then categories."""
        columns = self.parts[part]
        order: list[Encoded] = [*self.numbers, *self.categories]
        return torch.stack([columns.pop(column.name) for column in order], 1)


def find_columns(table: RawTable, names: Sequence[str], rows: Sequence[Tensor], policy: str, *, named: bool) -> FoundColumns:
    """Of the training rows, `rows[0]`, and all parts encoded by it. Raises UserError, for columns of no use where they were `named`."""
    found = FoundColumns()
    for name in names:
        column = table.column(name)
        encoding, why = encoding_of(column, rows[0], policy)
        if encoding is None:
            if named:
                table.refuse(f"column {name} {why}; take it out of data.columns{'' if column.words is not None else ', or name it in data.categories'}")
            found.left_out.append(f"{name} ({why})")
            continue
        if lacking := int(column.missing.sum()):
            found.filled.append(f"{name} {lacking:,}")
        if isinstance(encoding, NumberColumn):
            found.numbers.append(encoding)
        else:
            found.categories.append(encoding)
        encoded = encode(column, encoding)
        for part, some in zip(found.parts, rows, strict=True):
            part[name] = encoded[some]
    return found


def encoding_of(column: RawColumn, rows: Tensor, policy: str) -> tuple[Encoded | None, str]:
    """How a column is encoded by these rows of it; else why it is of no use."""
    values, missing = column.values[rows], column.missing
    present = values[~missing[rows]] if bool(missing.any()) else values
    if not len(present):
        return None, "has no value"
    if column.words is not None:
        counts = torch.bincount(present, minlength=len(column.words))
        words = tuple(sorted(column.words[number] for number in counts.nonzero().flatten().tolist()))
        lacks = len(present) < len(values)
        if len(words) + lacks < 2:
            return None, "is the same in all rows"
        if len(words) == len(present) > 2:
            return None, "is another word in each row"
        return CategoryColumn(column.name, words, lacks), ""
    std, mean = torch.std_mean(present, correction=0)
    if float(std) <= 1e-12 * abs(float(mean)):
        return None, "is the same in all rows"
    if numbers_rows(column.values):
        return None, "numbers the rows"
    fill = present.median() if policy == "median" else mean
    return NumberColumn(column.name, float(mean), float(std), float(fill), column.boolean), ""


def numbers_rows(values: Tensor) -> bool:
    """Whether values are integers that follow one another row by row."""
    # The first ones mostly tell.
    return len(values) >= SEQUENCE and all(bool((some[1:] - some[:-1] == 1).all()) for some in (values[:SEQUENCE], values))


def encode(column: RawColumn, encoding: Encoded) -> Tensor:
    """(rows,) float32, which holds the numbers of 16 million categories exactly."""
    if isinstance(encoding, NumberColumn):
        values = column.values.nan_to_num(nan=encoding.fill)
        return values.sub_(encoding.mean).div_(encoding.std).float()
    numbers = {word: number for number, word in enumerate(encoding.words, start=1)}
    lacking = encoding.size - 1 if encoding.missing else 0
    # The last is taken by what is missing, -1.
    known = torch.tensor([*(numbers.get(word, 0) for word in column.words or ()), lacking], dtype=torch.float32)
    return known[column.values]


def encode_rows(table: RawTable, encoding: TableEncoding) -> Tensor:
    """(rows, columns), as a model takes them. Raises UserError where a value is missing that must not be."""
    made = []
    for column in encoding.columns:
        raw = table.column(column.name)
        if encoding.missing in WITHOUT_MISSING and bool(raw.missing.any()):
            rows = raw.missing.nonzero().flatten().tolist()
            table.refuse(f"{table.place_of(rows)}: {column.name} has no value, and the model was trained with data.missing = {encoding.missing}; give one, or remove the row")
        made.append(encode(raw if isinstance(column, NumberColumn) else raw.as_words(), column))
    return torch.stack(made, 1)
