"""What is wrong with a CSV file, by its lines. Slow, and only asked when something is. Imports no torch."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

NAMED = 3  # lines
OTHERS = 8  # words
DELIMITERS = ",;\t"
# As pyarrow has them.
NULLS = frozenset({"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"})
_WRITTEN = re.compile(r"\s*[-+]?[$€£¥]?\s?(\d{1,3}([,.' \u00a0\u2009\u202f]\d{3})+|\d+)([.,]\d+)?\s?[%$€£¥]?\s*")
_NUMBER = re.compile(r"\s*-?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|inf|infinity|nan)\s*", re.IGNORECASE)


def is_number(word: str, decimal: str = ".") -> bool:
    return _NUMBER.fullmatch(word if decimal == "." else word.replace(".", "_").replace(decimal, ".")) is not None


def is_written_number(word: str) -> bool:
    """Whether it is a number for people: 1,234.5 or 1.234,5, with the sign of a currency or a percent sign."""
    return _WRITTEN.fullmatch(word) is not None


def delimiter_of(header: str) -> str:
    """The one that the header has most of."""
    return max(DELIMITERS, key=header.count)


def header_of(head: bytes, delimiter: str) -> list[str]:
    """The names in the first line that is not empty; none where that is no CSV."""
    lines = io.StringIO(head.decode("utf-8-sig", "replace"), newline="")
    try:
        return next((row for row in csv.reader(lines, delimiter=delimiter) if row), [])
    except csv.Error:
        return []


def wrong_encoding(path: Path) -> str:
    """Where a file is no UTF-8; "" where it is."""
    decoder, lines = codecs.getincrementaldecoder("utf-8")(), 1
    with path.open("rb") as file:
        while True:
            part = file.read(1 << 20)
            try:
                decoder.decode(part, final=not part)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n")
                return f"line {line:,} is not UTF-8 (byte 0x{error.object[error.start]:02x}); convert it, as with iconv -f latin1 -t utf-8"
            if not part:
                return ""
            lines += part.count(b"\n")


def rows_of(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines on which rows end, and their fields, without the header and empty lines."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        rows = ((reader.line_num, row) for row in reader if row)
        next(rows, None)
        yield from rows


def find_fault(path: Path, names: Sequence[str], numbers: Collection[str], delimiter: str, decimal: str = ".") -> str:
    """The first line that has another number of fields, or no number in one of the columns `numbers`; "" where there is none."""
    if wrong := wrong_encoding(path):
        return wrong
    wanted = [(place, name) for place, name in enumerate(names) if name in numbers]
    before = 1
    try:
        for line, row in rows_of(path, delimiter):
            if names and len(row) != len(names):
                if line > before + 1 and any("\n" in field for field in row):
                    return f"a quote opens in line {before + 1:,} or after it, and is not closed before line {line:,}; correct the line or remove it"
                return f"line {line:,} has {len(row)} field{'s' if len(row) != 1 else ''}, and the header names {len(names)} columns; correct the line or remove it"
            for place, name in wanted:
                if _is_word(row[place], decimal):
                    return changed_type(line, name, row[place], words_in(path, delimiter, place, decimal))
            before = line
    except csv.Error as error:
        return f"the file is no CSV ({error}); write it as CSV or Parquet"
    return ""


def _is_word(value: str, decimal: str) -> bool:
    return value not in NULLS and not is_number(value, decimal)


def words_in(path: Path, delimiter: str, place: int, decimal: str) -> Counter[str]:
    """How many fields of a column have each word that is no number; a line that is broken ends the count."""
    found: Counter[str] = Counter()
    with suppress(csv.Error, IndexError):
        for _, row in rows_of(path, delimiter):
            if _is_word(row[place], decimal):
                found[row[place]] += 1
    return found


def changed_type(line: int, name: str, word: str, words: Mapping[str, int]) -> str:
    """`words` are all that are no numbers, with how many fields have each: a file is put right at once."""
    others = sorted(((each, count) for each, count in words.items() if each != word), key=lambda found: -found[1])
    more = f" and {len(others) - OTHERS} more" if len(others) > OTHERS else ""
    again = f" ({words[word]:,} times)" if words.get(word, 1) > 1 else ""
    nor = f"; nor {'are' if len(others) > 1 else 'is'} {', '.join(f'{each[:60]!r} ({count:,} times)' if count > 1 else repr(each[:60]) for each, count in others[:OTHERS])}{more}" if others else ""
    return (
        f"line {line:,}, column {name}: {word[:60]!r} is no number{again}, and other values of the column are{nor}; correct {'them' if others or again else 'it'}, "
        f"leave the column out with data.drop, or take its values as categories with data.categories"
    )


def lines_where(path: Path, delimiter: str, place: int, wrong: Callable[[str], bool]) -> list[int]:
    """The lines whose field at `place` is `wrong`, a few of them."""
    found = []
    for line, row in rows_of(path, delimiter):
        if wrong(row[place]):
            found.append(line)
            if len(found) > NAMED:
                break
    return found


def lines_of_rows(path: Path, delimiter: str, rows: Sequence[int]) -> list[int]:
    """The lines of rows, counted from 0, in ascending order."""
    wanted, found = iter(rows), []
    number = next(wanted, -1)
    for row, (line, _) in enumerate(rows_of(path, delimiter)):
        if row == number:
            found.append(line)
            if (number := next(wanted, -1)) < 0:
                break
    return found


def lines_text(lines: Sequence[int], word: str = "line") -> str:
    shown = ", ".join(f"{line:,}" for line in lines[:NAMED])
    return f"{word}{'s' if len(lines) > 1 else ''} {shown}{' …' if len(lines) > NAMED else ''}"
