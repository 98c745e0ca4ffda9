"""Rows of a table: a CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from gradtop.trainer.data.kinds import LabeledData
from gradtop.trainer.data.targets import CLASSES, LABEL_SETS, VALUES
from gradtop.trainer.declare import setting


class TableData(LabeledData):
    kind: Literal["table"] = setting("table", help="A CSV or Parquet file with one sample per row; numbers are standardized, categories embedded by an mlp.", effect="fork")
    file: str = setting("table.csv", help="Path of the file, .csv, .tsv or .parquet; the first line of a CSV file names the columns.", effect="fork", pattern=r"\S", expected="a file")
    target: tuple[str, ...] = setting(("target",), help="Column to predict, or a list of columns of numbers. Words and few integers are classes, other numbers values.", effect="fork")
    validation: float = setting(0.2, help="Fraction of the rows used for validation, drawn by training.seed, of each class alike.", effect="fork", gt=0, lt=1)
    validation_file: str = setting("", help="File with the rows for validation, in place of a fraction.", effect="fork")
    test: float = setting(0.0, help="Fraction of the rows held out as a test set, which is evaluated once at the end; drawn before those for validation.", effect="fork", ge=0, lt=0.9)
    test_file: str = setting("", help="File with the rows of a test set, in place of a fraction.", effect="fork")
    columns: tuple[str, ...] = setting((), help="Columns that the model sees; empty: all but the target.", effect="fork")
    drop: tuple[str, ...] = setting((), help="Columns to leave out.", effect="fork")
    categories: tuple[str, ...] = setting((), help="Columns whose numbers name categories.", effect="fork")
    missing: Literal["mean", "median", "drop", "refuse"] = setting(
        "mean", help="Missing values: the mean or median of the column, of words a category of their own; or drop the row; or refuse the file.", effect="fork"
    )

    inputs: ClassVar = "vectors"
    targets: ClassVar = (CLASSES, VALUES, LABEL_SETS)
    builder: ClassVar = "gradtop.trainer.data.kinds.table.loader:load"
    outline: ClassVar = "gradtop.trainer.data.kinds.table.loader:outline_table"
    keeps_encoding: ClassVar = True

    @classmethod
    def _frozen(cls, name: str, value: Any) -> Any:
        # One column may be named without a list.
        return (value,) if name == "target" and isinstance(value, str) else super()._frozen(name, value)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if not self.target or not all(self.target):
            yield "target", "must name a column to predict"
        if self.test and self.test_file:
            yield "test", "cannot be combined with data.test_file; leave one out"
        for key in ("columns", "drop"):
            if both := [name for name in getattr(self, key) if name in self.target]:
                yield key, f"contains {both[0]}, which data.target predicts"
        if both := [name for name in self.columns if name in self.drop]:
            yield "drop", f"contains {both[0]}, which data.columns takes"
