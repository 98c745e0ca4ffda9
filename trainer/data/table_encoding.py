"""How the columns of a table become numbers, as runs and checkpoints keep it. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gradtop.trainer.data.targets import CLASSES, VALUES, TargetKind

WITHOUT_MISSING = frozenset({"drop", "refuse"})  # the policies by which no row has a missing value


@dataclass(frozen=True)
class NumberColumn:
    """Standardized by mean and deviation of the training rows; a missing value is `fill`."""

    name: str
    mean: float
    std: float
    fill: float
    boolean: bool = False
    kind: Literal["number"] = "number"


@dataclass(frozen=True)
class CategoryColumn:
    """Words of the training rows, numbered from 1; 0 is any other one. A missing value comes after the last, where training had some."""

    name: str
    words: tuple[str, ...]
    missing: bool = False
    kind: Literal["category"] = "category"

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return 1 + len(self.words) + self.missing


@dataclass(frozen=True)
class TableEncoding:
    """Inputs are the standardized numbers, then the numbers of the categories. `seed` has drawn the rows for validation."""

    numbers: tuple[NumberColumn, ...]
    categories: tuple[CategoryColumn, ...]
    targets: tuple[str, ...]
    target_kind: TargetKind
    classes: tuple[str, ...]
    missing: str
    seed: int

    @property
    def columns(self) -> tuple[NumberColumn | CategoryColumn, ...]:
        """In the order of the inputs."""
        return (*self.numbers, *self.categories)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each of the categories has."""
        return tuple(column.size for column in self.categories)

    def record(self) -> dict[str, Any]:
        """As a checkpoint and a JSON file can hold it."""
        found = asdict(self)
        return {**found, **{name: list(found[name]) for name in ("numbers", "categories", "targets", "classes")},
                "categories": [{**each, "words": list(each["words"])} for each in found["categories"]]}

    def describe(self) -> list[tuple[str, str]]:
        """Titles and texts of what the columns are taken as."""
        numbers = [column.name for column in self.numbers if not column.boolean]
        booleans = [column.name for column in self.numbers if column.boolean]
        categories = [f"{column.name} ({len(column.words)})" for column in self.categories]
        found = [("numbers", numbers), ("booleans", booleans), ("categories", categories)]
        what = {CLASSES: f"{len(self.classes)} classes: {several_words(self.classes)}", VALUES: "values"}.get(self.target_kind, "labels")
        return [("target", f"{', '.join(self.targets)} ({what})"), *((title, several_words(names, 20)) for title, names in found if names), ("missing", missing_text(self.missing))]


def encoding_from(record: Mapping[str, Any]) -> TableEncoding:
    """Raises KeyError, TypeError or ValueError where it is no record of one."""
    return TableEncoding(
        numbers=tuple(NumberColumn(**each) for each in record["numbers"]),
        categories=tuple(CategoryColumn(**{**each, "words": tuple(each["words"])}) for each in record["categories"]),
        targets=tuple(record["targets"]),
        target_kind=record["target_kind"],
        classes=tuple(record["classes"]),
        missing=record["missing"],
        seed=int(record["seed"]),
    )


def missing_text(policy: str) -> str:
    match policy:
        case "drop":
            return "rows with a missing value are dropped"
        case "refuse":
            return "a missing value is refused"
        case _:
            return f"the {policy} of the training rows in place of a number, a category of its own in place of a word"


def several_words(words: Sequence[str], most: int = 5) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
