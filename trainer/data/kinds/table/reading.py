"""Reading CSV and Parquet files by pyarrow, column by column into tensors."""

from __future__ import annotations

import datetime as dt
import difflib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from gradtop.trainer.data.kinds.table import faults
from gradtop.trainer.data.kinds.table.cache import cached_table
from gradtop.trainer.data.kinds.table.watched import MIB, read_watched
from gradtop.trainer.runtime.errors import UserError

MOSTLY = 0.9  # of the words of a column that are numbers: the others are taken for mistakes
SOME_WORDS = 1000
BLOCK = 1 << 20
BYTES_OF_VALUE = 12  # as it is read, and as the model takes it
_BOOLEANS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class RawColumn:
    """Numbers, NaN where they are missing; or words by number, -1 where they are missing."""

    name: str
    values: Tensor  # float64, or int64 where there are words
    words: tuple[str, ...] | None = None
    boolean: bool = False

    @property
    def missing(self) -> Tensor:
        return self.values < 0 if self.words is not None else self.values.isnan()

    def as_words(self) -> RawColumn:
        """Numbers as the words that they are written as."""
        if self.words is not None:
            return self
        known, codes = self.values.nan_to_num(nan=math.inf).unique(return_inverse=True)
        missing = self.missing
        words = tuple(number_word(value) for value in known.tolist())
        if self.boolean:
            words = tuple({"0": "false", "1": "true"}.get(word, word) for word in words)
        if bool(missing.any()):
            words = words[:-1]  # infinity, the largest, stood for it
        return RawColumn(self.name, codes.where(~missing, -1), words)


def number_word(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)


@dataclass
class RawTable:
    """A file in memory; a column is converted when it is asked for, and then forgotten."""

    path: Path
    key: str  # what named the file
    table: Any
    delimiter: str = ""  # "" for Parquet
    decimal: str = "."
    as_words: Collection[str] = ()
    names: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def has_missing(self, name: str) -> Tensor | None:
        """Which rows lack a value; None where none does."""
        column = self.table[self.names.index(name)]
        import pyarrow.compute as pc

        if not column.null_count and not _is(column.type, "floating"):
            return None
        lacking = _tensor(pc.cast(pc.is_null(column, nan_is_null=True), "uint8")).bool()
        return lacking if bool(lacking.any()) else None

    def column(self, name: str, *, forget: bool = True) -> RawColumn:
        """Raises UserError for dates, and for a column of numbers with words among them."""
        place = self.names.index(name)
        column = self.table[place]
        made = self._numbers(name, column) if _is(column.type, "integer", "floating", "decimal", "boolean") else self._words(name, column)
        if forget:
            import pyarrow as pa

            self.table = self.table.set_column(place, name, pa.nulls(self.rows))
        if made.words is None and bool(made.values.isinf().any()):
            row = int(made.values.isinf().nonzero()[0])
            self.refuse(f"{self.place_of([row])}, column {name}: the number is infinite; correct it, or leave it empty where it is unknown")
        return made.as_words() if name in self.as_words else made

    def place_of(self, rows: Sequence[int]) -> str:
        """Lines of a CSV file, rows of another one."""
        some = list(rows[: faults.NAMED + 1])
        return faults.lines_text(faults.lines_of_rows(self.path, self.delimiter, some)) if self.delimiter else faults.lines_text([row + 1 for row in some], "row")

    def refuse(self, sentence: str) -> None:
        raise UserError(f"{self.key}: {self.path}: {sentence}")

    def require(self, names: Sequence[str], key: str) -> None:
        """Raises UserError where a column is not there."""
        for name in names:
            if name not in self.names:
                near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.6)
                hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(self.names[:10])}{' …' if len(self.names) > 10 else ''}"
                raise UserError(f"{key}: {self.path} has no column {name!r}; {hint}")

    def _numbers(self, name: str, column: Any) -> RawColumn:
        import pyarrow as pa
        import pyarrow.compute as pc

        boolean = bool(pa.types.is_boolean(column.type))
        values = pc.cast(column.cast("uint8") if boolean else column, pa.float64(), safe=False)
        return RawColumn(name, _tensor(pc.fill_null(values, _alone(pa.float64(), math.nan))), boolean=boolean)

    def _words(self, name: str, column: Any) -> RawColumn:
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = column.type
        if _is(kind, "temporal"):
            self.refuse(f"column {name} has dates or times, which are no numbers; leave it out with data.drop, or write days or seconds in its place")
        if _is(kind, "null"):
            return RawColumn(name, torch.full((self.rows,), math.nan, dtype=torch.float64))
        if not _is(kind, "string", "large_string", "dictionary"):
            self.refuse(f"column {name} has values of the type {kind}; numbers, words and booleans are expected: leave it out with data.drop")
        column = column.combine_chunks() if _is(kind, "dictionary") else column.combine_chunks().dictionary_encode()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0) if column.num_chunks else pa.array([], pa.string()).dictionary_encode()
        words = tuple(column.dictionary.to_pylist())
        codes = _tensor(pc.fill_null(pc.cast(column.indices, "int32"), _alone(pa.int32(), -1))).long()
        if name in self.as_words:
            return RawColumn(name, codes, words)
        if not words:
            return RawColumn(name, torch.full((self.rows,), math.nan, dtype=torch.float64))
        if all(word.lower() in _BOOLEANS for word in words):
            known = torch.tensor([*(_BOOLEANS[word.lower()] for word in words), math.nan], dtype=torch.float64)
            return RawColumn(name, known[codes], boolean=True)
        if sum(map(_is_date, words[:100])) > MOSTLY * len(words[:100]):
            self.refuse(f"column {name} has dates such as {words[0]!r}, which are no numbers; leave it out with data.drop, or write days in its place")
        numbers = torch.tensor([faults.is_number(word, self.decimal) for word in words])
        share = float(numbers[codes[codes >= 0]].float().mean()) if bool((codes >= 0).any()) else 0.0
        if share == 1:
            known = torch.tensor([*(float(word.replace(self.decimal, ".")) for word in words), math.nan], dtype=torch.float64)
            return RawColumn(name, known[codes])
        if share >= MOSTLY:
            row = int(((codes >= 0) & ~numbers[codes]).nonzero()[0])
            word = words[int(codes[row])]
            line = faults.lines_of_rows(self.path, self.delimiter, [row])[0] if self.delimiter else row + 1
            counts = torch.bincount(codes[codes >= 0], minlength=len(words)).tolist()
            self.refuse(faults.changed_type(line, name, word, {each: count for each, count, number in zip(words, counts, numbers.tolist(), strict=True) if count and not number}))
        self._check_notation(name, codes, words)
        return RawColumn(name, codes, words)

    def _check_notation(self, name: str, codes: Tensor, words: Sequence[str]) -> None:
        """Raises UserError for numbers that are written for people, of which each would be a word of its own."""
        first = words[:SOME_WORDS]
        if sum(map(faults.is_written_number, first)) < len(first) / 2:
            return  # to look at a million words takes a second
        written = torch.tensor([faults.is_written_number(word) for word in words])
        there = codes[codes >= 0]
        if not len(there) or float(written[there].float().mean()) < MOSTLY:
            return
        row = int(((codes >= 0) & ~torch.tensor([faults.is_number(word, self.decimal) for word in words])[codes]).nonzero()[0])
        self.refuse(
            f"{self.place_of([row])}, column {name}: {words[int(codes[row])][:60]!r} is a number with separators or signs; write it with a decimal point alone, as 1234.5, "
            "leave the column out with data.drop, or take its values as categories with data.categories"
        )


def read_table(path: Path, key: str, *, numbers: Collection[str] = (), words: Collection[str] = (), only: Collection[str] | None = None) -> RawTable:
    """`numbers` and `words` are what columns must be read as; the others tell by themselves. Raises UserError."""
    try:
        import pyarrow  # noqa: F401, ICN001
    except ImportError:
        raise UserError("data.kind = table reads CSV and Parquet files by pyarrow, which is not installed: pip install 'gradtop[table]'") from None
    if path.is_dir():
        raise UserError(f"{key}: {path} is a folder; a CSV or Parquet file is expected")
    try:
        with path.open("rb") as file:
            head = file.read(4)
        length = path.stat().st_size
        if not length:
            raise UserError(f"{key}: {path} is empty; a table with a header and rows is expected")
        made = _read_parquet(path, key, only) if head == b"PAR1" else _read_csv(path, key, length, numbers, words)
    except (OSError, MemoryError) as error:
        raise UserError(f"{key}: {path} cannot be read ({getattr(error, 'strerror', None) or str(error) or 'not enough memory'})") from None
    made.as_words = words
    if not made.rows:
        raise UserError(f"{key}: {path} has a header and no rows")
    if twice := [name for place, name in enumerate(made.names) if name in made.names[:place]]:
        raise UserError(f"{key}: {path} has several columns {twice[0]!r}; name each column otherwise")
    return made


def _read_parquet(path: Path, key: str, only: Collection[str] | None) -> RawTable:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        about = parquet.ParquetFile(path)
        names = list(about.schema_arrow.names)
        _check_memory(path, key, about.metadata.num_rows * len(names) * BYTES_OF_VALUE)
        taken = [name for name in names if only is None or name in only]
        length = _bytes_of(about.metadata, taken)
        table = cached_table(path, ["parquet", *taken], lambda: read_watched(path, length, lambda file: parquet.read_table(file, columns=taken)))
    except pa.ArrowException as error:
        raise UserError(f"{key}: {path} cannot be read as Parquet ({_first_line(error)})") from None
    return RawTable(path, key, table, names=list(table.column_names))


def _bytes_of(metadata: Any, names: Collection[str]) -> int:
    """What the columns take in a Parquet file; the parts of a nested one are its own."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    columns = (group.column(place) for group in groups for place in range(group.num_columns))
    return sum(column.total_compressed_size for column in columns if column.path_in_schema.partition(".")[0] in names)


def _read_csv(path: Path, key: str, length: int, numbers: Collection[str], words: Collection[str]) -> RawTable:
    import pyarrow as pa
    from pyarrow import csv

    _check_memory(path, key, length)
    with path.open("rb") as file:
        head = file.read(2 * BLOCK)
    delimiter = faults.delimiter_of(head.lstrip().partition(b"\n")[0].decode("utf-8", "replace"))
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    names: list[str] = []
    taken: dict[str, Any] = {}
    decimal = "."
    try:
        # What stands in the first block tells the types; of the file itself the reader would read ahead. Whole numbers may go on with a fraction.
        seen, decimal = _types_in(head, parse)
        names = list(seen.names)
        for name, kind in zip(names, seen.types, strict=True):
            is_number = name in numbers or (name not in words and _is(kind, "integer", "floating"))
            taken[name] = pa.float64() if is_number else kind if _is(kind, "temporal") and name not in words else pa.string()
        convert = csv.ConvertOptions(strings_can_be_null=True, column_types=taken, decimal_point=decimal)
        how = ["csv", delimiter, *([decimal] if decimal != "." else []), *(f"{name}: {kind}" for name, kind in taken.items())]
        table = cached_table(path, how, lambda: read_watched(path, length, lambda file: csv.read_csv(file, parse_options=parse, convert_options=convert)))
    except pa.ArrowException as error:
        found = faults.find_fault(path, names or faults.header_of(head, delimiter), [name for name, kind in taken.items() if kind == pa.float64()], delimiter, decimal)
        raise UserError(f"{key}: {path}: {found or f'cannot be read as CSV ({_first_line(error)})'}") from None
    shown = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    return RawTable(path, key, table, delimiter, decimal, names=shown)


def _types_in(head: bytes, parse: Any) -> tuple[Any, str]:
    """The schema that the first block tells, and its decimal point: a comma where that makes numbers of more columns."""
    import pyarrow as pa
    from pyarrow import csv

    def schema(decimal: str) -> Any:
        convert = csv.ConvertOptions(strings_can_be_null=True, decimal_point=decimal)
        with csv.open_csv(pa.BufferReader(head), read_options=csv.ReadOptions(block_size=BLOCK, use_threads=False), parse_options=parse, convert_options=convert) as reader:
            return reader.schema

    def numbers(found: Any) -> int:
        return sum(_is(kind, "integer", "floating") for kind in found.types)

    plain = schema(".")
    if parse.delimiter == "," or not any(_is(kind, "string") for kind in plain.types):
        return plain, "."
    with_comma = schema(",")
    return (with_comma, ",") if numbers(with_comma) > numbers(plain) else (plain, ".")


def _check_memory(path: Path, key: str, needed: int) -> None:
    if needed > (free := psutil.virtual_memory().available):
        raise UserError(f"{key}: {path} takes about {needed / MIB:,.0f} MiB in memory, and {free / MIB:,.0f} MiB are free; take fewer rows or columns")


def _alone(kind: Any, value: float) -> Any:
    """A value of pyarrow's. `pa.scalar`, and what is given a plain number, import pandas where it is installed (pyarrow 26), which takes half as long as reading a million rows."""
    import pyarrow as pa

    held = torch.tensor([value], dtype=torch.float64 if pa.types.is_floating(kind) else torch.int32)
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(held.numpy())])[0]


def _tensor(column: Any) -> Tensor:
    """Of a column without missing values, as a copy."""
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    parts = [from_dlpack(chunk) for chunk in chunks if len(chunk)]
    return torch.cat(parts) if parts else torch.zeros(0)


def _is(kind: Any, *names: str) -> bool:
    import pyarrow as pa

    return any(getattr(pa.types, f"is_{name}")(kind) for name in names)


def _is_date(word: str) -> bool:
    try:
        dt.datetime.fromisoformat(word)
    except ValueError:
        return False
    return "-" in word


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
