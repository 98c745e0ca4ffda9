"""Tables: rows with columns of numbers and words, and what is to be predicted of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.absent import TRAINING, VALIDATION, Absence, absent_classes
from gradtop.trainer.data.dataset import DataInfo, Dataset, Survey, Tones
from gradtop.trainer.data.fingerprint import Fingerprint
from gradtop.trainer.data.held_out import HeldOut
from gradtop.trainer.data.kinds.table import TableData
from gradtop.trainer.data.kinds.table.columns import encode_rows, find_columns
from gradtop.trainer.data.kinds.table.reading import RawTable, read_table
from gradtop.trainer.data.kinds.table.targets import TargetColumns, encode_targets, new_classes, read_targets
from gradtop.trainer.data.splitting import set_rows_apart
from gradtop.trainer.data.table_encoding import WITHOUT_MISSING, TableEncoding, encoding_from
from gradtop.trainer.data.targets import CLASSES, ONE_CLASS, WantedTargets
from gradtop.trainer.home import at_home
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.threads import one_thread

FILE, VALIDATION_FILE, TEST_FILE = "data.file", "data.validation_file", "data.test_file"


@dataclass(frozen=True)
class TableSource(Dataset):
    """Rows in memory, encoded as `encoding` says."""

    encoding: TableEncoding = field(kw_only=True)

    @property
    def tones(self) -> Tones | None:
        return None

    def fingerprint(self) -> Fingerprint:
        found = super().fingerprint()
        return Fingerprint(found.training, found.validation, self.encoding.classes, found.digest)


def load(config: TableData, *, seed: int, context: int = 0, wanted: WantedTargets = ONE_CLASS, saved: Mapping[str, Any] | None = None) -> TableSource:  # noqa: ARG001 - the model's
    """Encoded as a checkpoint has `saved` it, else by the training rows, which `seed` draws. Raises UserError."""
    with one_thread():
        return _load_as_saved(config, _read_saved(saved), wanted) if saved else _load_new(config, seed, wanted)


def outline_table(_config: TableData, _classes: int, saved: Mapping[str, Any]) -> TableSource:
    """A table without rows."""
    encoding = _read_saved(saved)
    info = _info(encoding)
    inputs = torch.zeros(0, info.channels)
    labels = torch.zeros((0,) if encoding.target_kind == CLASSES else (0, info.targets), dtype=torch.int64 if encoding.target_kind == CLASSES else torch.float32)
    return TableSource(inputs, labels, inputs, labels, info, encoding=encoding)


def read_rows(path: Path, encoding: TableEncoding, key: str, *, targets: bool) -> tuple[Tensor, Tensor | None]:
    """Inputs of all rows of a file, and targets where they are wanted: then without the rows that training would have dropped. Raises UserError."""
    with one_thread():
        table = _read_encoded(path, encoding, key, targets=targets)
        labels = _labels_of_kept(table, encoding) if targets else None
        return encode_rows(table, encoding), labels


def _load_new(config: TableData, seed: int, wanted: WantedTargets) -> TableSource:
    table = read_table(_path(config.file), FILE, words=config.categories)
    targets = list(dict.fromkeys(config.target))
    for key, names in (("data.target", targets), ("data.columns", config.columns), ("data.drop", config.drop), ("data.categories", config.categories)):
        table.require(names, key)
    names = [name for name in (config.columns or table.names) if name not in {*config.drop, *targets}]
    if not names:
        raise UserError(f"data.drop leaves no column of {table.path} but the target; leave some in")
    found = read_targets(table, targets, wanted)
    kept, dropped = _kept_rows(table, names, config.missing)
    kept, apart = _split(kept, found, config.test, seed) if config.test else (kept, kept[:0])
    rows = (kept, kept[:0], apart) if config.validation_file else (*_split(kept, found, config.validation, seed), apart)
    columns = find_columns(table, names, rows, config.missing, named=bool(config.columns))
    if not columns.numbers and not columns.categories:
        raise UserError(f"{FILE}: {table.path} has no column that says anything of the target; left out: {', '.join(columns.left_out)}")
    encoding = TableEncoding(
        tuple(columns.numbers), tuple(columns.categories), tuple(targets), found.kind, found.classes, config.missing, seed
    )
    training, labels = columns.inputs(0), found.values[rows[0]]
    if config.validation_file:
        validation, others = _validation_of_file(config, encoding)
    else:
        validation, others = columns.inputs(1), found.values[rows[1]]
    notes = [f"{table.path.name}: " + "; ".join(f"{title}: {text}" for title, text in encoding.describe())]
    if table.decimal != ".":
        notes.append(f"{table.path.name}: numbers have a decimal comma")
    if columns.filled:
        notes.append(f"{table.path.name}: missing values: {', '.join(columns.filled)}")
    if dropped:
        notes.append(f"{table.path.name}: {dropped:,} rows with a missing value were dropped")
    if columns.left_out:
        notes.append(f"{table.path.name}: left out: {', '.join(columns.left_out)}")
    return replace(_made(training, labels, validation, others, encoding, notes), held_out=_held_out(config, encoding, columns.inputs(2), found.values[apart]))


def _load_as_saved(config: TableData, encoding: TableEncoding, wanted: WantedTargets) -> TableSource:
    """Columns, categories and classes go by their names."""
    path = _path(config.file)
    if {*config.target} != {*encoding.targets}:
        raise UserError(f"data.target is {', '.join(config.target)}, and the checkpoint predicts {', '.join(encoding.targets)}; start from the beginning with gradtop rerun")
    if not wanted.open and wanted.kind != encoding.target_kind:
        raise UserError("task.kind is another than that of the checkpoint, whose model has other outputs; start from the beginning with gradtop rerun")
    if strange := [name for name in (*config.columns,) if name not in encoding.names] or [name for name in config.drop if name in encoding.names]:
        raise UserError(f"data.{'columns' if strange[0] in config.columns else 'drop'}: the checkpoint {'lacks' if strange[0] in config.columns else 'takes'} the column {strange[0]}; start from the beginning with gradtop rerun")
    table = _read_encoded(path, encoding, FILE, targets=True)
    if encoding.target_kind == CLASSES:
        # After those that the checkpoint knows: a fork takes over their outputs, and whatever cannot refuses the data by itself.
        encoding = replace(encoding, classes=(*encoding.classes, *new_classes(table, encoding.targets[0], encoding.classes)))
    labels = _labels_of_kept(table, encoding)
    notes: list[str] = []
    inputs = encode_rows(table, encoding)
    new = [column.name for place, column in enumerate(encoding.categories, start=len(encoding.numbers)) if bool((inputs[:, place] == 0).any())]
    if new:
        notes.append(f"{path.name}: words of {', '.join(new)} that the checkpoint does not know, or did not see in training, count as one category")
    found = TargetColumns(encoding.target_kind, labels, encoding.classes)
    rows = torch.arange(len(labels))
    rows, apart = _split(rows, found, config.test, encoding.seed) if config.test else (rows, rows[:0])
    held_out = _held_out(config, encoding, inputs[apart], labels[apart])
    if config.validation_file:
        validation, others = _validation_of_file(config, encoding)
        return replace(_made(inputs[rows], labels[rows], validation, others, encoding, notes), held_out=held_out)
    training, rest = _split(rows, found, config.validation, encoding.seed)
    return replace(_made(inputs[training], labels[training], inputs[rest], labels[rest], encoding, notes), held_out=held_out)


def _held_out(config: TableData, encoding: TableEncoding, inputs: Tensor, labels: Tensor) -> HeldOut | None:
    """The rows that were set apart, or those of a file, which is read when it is wanted. Raises UserError where there is no such file."""
    if not config.test_file:
        return (lambda: {"val_images": inputs, "val_labels": labels}) if len(labels) else None
    path = _path(config.test_file)
    if not path.is_file():
        raise UserError(f"{TEST_FILE}: there is no file {path}")

    def read() -> Mapping[str, Any]:
        rows, targets = read_rows(path, encoding, TEST_FILE, targets=True)
        return {"val_images": rows, "val_labels": targets}

    return read


def _split(rows: Tensor, targets: TargetColumns, share: float, seed: int) -> tuple[Tensor, Tensor]:
    return set_rows_apart(rows, targets.values if targets.kind == CLASSES else None, share, seed, FILE)


def _kept_rows(table: RawTable, names: Sequence[str], policy: str) -> tuple[Tensor, int]:
    """The rows that are used, and how many others there are. Raises UserError where a value is missing that must not be."""
    rows = torch.ones(table.rows, dtype=torch.bool)
    for name in names if policy in WITHOUT_MISSING else ():
        lacking = table.has_missing(name)
        if lacking is None:
            continue
        if policy == "refuse":
            some = lacking.nonzero().flatten().tolist()
            table.refuse(f"column {name} has no value in {len(some):,} row{'s' if len(some) > 1 else ''} ({table.place_of(some)}); set data.missing = mean, median or drop")
        rows &= ~lacking
    if not bool(rows.any()):
        table.refuse("every row has a missing value; set data.missing = mean or median, or leave columns out with data.drop")
    return rows.nonzero().flatten(), int((~rows).sum())


def _labels_of_kept(table: RawTable, encoding: TableEncoding) -> Tensor:
    """Of the rows that are used; the others are taken out of the table. Raises UserError."""
    labels = encode_targets(table, encoding.targets, encoding.target_kind, encoding.classes)
    if encoding.missing != "drop":
        return labels
    kept, dropped = _kept_rows(table, encoding.names, encoding.missing)
    if dropped:
        table.table = table.table.take(_indices(kept))
    return labels[kept]


def _validation_of_file(config: TableData, encoding: TableEncoding) -> tuple[Tensor, Tensor]:
    inputs, labels = read_rows(_path(config.validation_file), encoding, VALIDATION_FILE, targets=True)
    return inputs, labels if labels is not None else inputs[:, 0]


def _read_encoded(path: Path, encoding: TableEncoding, key: str, *, targets: bool) -> RawTable:
    numbers = {column.name for column in encoding.numbers if not column.boolean}
    words: Collection[str] = {column.name for column in encoding.categories}
    wanted = [*encoding.names, *(encoding.targets if targets else ())]
    table = read_table(path, key, numbers=numbers, words=words, only=wanted)
    if lacking := [name for name in wanted if name not in table.names]:
        raise UserError(f"{key}: {path} lacks {'the column' if len(lacking) == 1 else 'the columns'} {', '.join(lacking)}, which the model was trained with")
    for column in encoding.numbers:
        raw = table.column(column.name, forget=False)
        if raw.words is not None:
            table.refuse(f"column {column.name} has words such as {raw.words[0]!r}, and the model was trained with numbers")
    return table


def _made(training: Tensor, labels: Tensor, validation: Tensor, others: Tensor, encoding: TableEncoding, notes: Sequence[str]) -> TableSource:
    absent: list[Absence] = []
    if encoding.target_kind == CLASSES:
        absent = [each for part, there in ((TRAINING, labels), (VALIDATION, others)) for each in absent_classes(part, there, encoding.classes, len(encoding.classes))]
    return TableSource(training, labels, validation, others, _info(encoding), survey=Survey(notes, absent=absent), encoding=encoding)


def _info(encoding: TableEncoding) -> DataInfo:
    targets = 0 if encoding.target_kind == CLASSES else len(encoding.targets)
    return DataInfo(len(encoding.names), 1, len(encoding.classes), targets, categories=encoding.sizes)


def _read_saved(saved: Mapping[str, Any]) -> TableEncoding:
    try:
        return encoding_from(saved)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"the checkpoint does not say how its table was encoded ({error}); choose another checkpoint") from error


def _indices(rows: Tensor) -> Any:
    import pyarrow as pa

    return pa.array(rows.tolist())


def _path(file: str) -> Path:
    return at_home(file).absolute()
