"""The texts in a column of a data set that the library datasets has saved, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradtop.trainer.data.kinds.hf.columns import type_of
from gradtop.trainer.data.kinds.hf.opening import holds_saved, open_splits
from gradtop.trainer.data.table_encoding import several_words
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import one_by_one

AT_ONCE = 1000  # rows
_NAMES = ("text", "content", "document", "sentence")


class TextParts(NamedTuple):
    """What to call a text, and its parts: None where a part is to be taken of the others, or there is none."""

    where: str
    training: str
    validation: str | None = None
    test: str | None = None
    notes: tuple[str, ...] = ()


def saved_texts(path: Path, column: str) -> TextParts | None:
    """A line for each row; None of what is no saved data set. Raises UserError."""
    if not holds_saved(path):
        return None
    opened = open_splits(path, "data.file")
    name = _column_of(opened.training, column, path)
    splits = {"train": opened.training, "validation": opened.validation, "test": opened.test}
    if lacking := [split for split, rows in splits.items() if rows is not None and name not in rows.features]:
        raise UserError(f"data.column: the split {lacking[0]} of {path} has no column {name}")
    found = {split: None if rows is None else "\n".join(_texts(rows, name, f"data.file: {path}, {split}")) for split, rows in splits.items()}
    notes = [f"{path}: the text is column {name}, a line for each row", *opened.notes, *([opened.test_note(path)] if found["test"] else [])]
    return TextParts(f"column {name} of {path}", found["train"] or "", found["validation"], found["test"], tuple(notes))


def _column_of(rows: Any, column: str, path: Path) -> str:
    """Raises UserError where there is no such one, or it is not clear which one it is."""
    types = {name: type_of(feature) for name, feature in rows.features.items()}
    words = [name for name, kind in types.items() if kind == "string"]
    if column and column not in words:
        raise UserError(f"data.column: {path} has no column of texts {column!r}; it has {several_words([f'{name} ({kind})' for name, kind in types.items()], 12)}")
    chosen = column or next((name for name in words if name.casefold() in _NAMES), "") or (words[0] if len(words) == 1 else "")
    if not chosen:
        raise UserError(f"data.column: which column of {path} has the text is not clear; name it: {several_words(words, 12) or 'it has none of words'}")
    return chosen


def _texts(rows: Any, name: str, where: str) -> Iterator[str]:
    row = 0
    only = rows.select_columns([name]).with_format(None)
    for some in one_by_one("reading the texts", only.iter(batch_size=AT_ONCE), -(-len(only) // AT_ONCE)):
        for text in some[name]:
            if text is None:
                raise UserError(f"{where}, row {row}: column {name} has no value; remove such rows with Dataset.filter")
            yield text
            row += 1
