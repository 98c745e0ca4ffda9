"""The orders of the list of runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gradtop.trainer.analysis.run_fields import comparable, field_of, finite

if TYPE_CHECKING:
    from gradtop.trainer.analysis.run_row import RunRow

NEWEST = "newest"  # by family: each run below the one it came from
SORTS = (NEWEST, "best", "name")  # those that a key goes through; the others are columns


def is_descending(sort: str, *, reverse: bool = False) -> bool:
    """Whether the largest value comes first."""
    return (sort in {NEWEST, "started"} or field_of(sort).largest_first) != reverse


def in_order(rows: Iterable[RunRow], sort: str, *, reverse: bool = False) -> list[RunRow]:
    """Rows that come in the order of their families, in another one, or that the other way round; runs without the value are last.

    By a result they are ranked only among those with which they compare, the group with the newest run first: see `groups`.
    """
    if sort == NEWEST:
        found = list(rows)
        if not reverse:
            return found
        return [without_branch(row) for row in sorted(found, key=lambda row: (row.created, row.run.id))]
    value = field_of(sort).value
    known: dict[tuple[str, ...], list[tuple[tuple[bool, Any], str, RunRow]]] = {}
    rest: list[RunRow] = []
    newest: dict[tuple[str, ...], float] = {}
    for row in rows:
        if (found_value := finite(value(row))) is None:
            rest.append(without_branch(row))
            continue
        if sort == "best":
            found_value = row.status.monitored.rank(row.status.best)
        group = comparable(row, sort)
        # Numbers before texts: a key may hold either.
        known.setdefault(group, []).append(((isinstance(found_value, str), found_value), row.run.id, without_branch(row)))
        newest[group] = max(newest.get(group, 0.0), row.created)
    ordered: list[RunRow] = []
    for group in sorted(known, key=lambda group: (-newest[group], group)):
        ordered += [each[2] for each in sorted(known[group], key=lambda each: each[:2], reverse=is_descending(sort, reverse=reverse))]
    return [*ordered, *sorted(rest, key=lambda row: row.run.id)]


def groups(rows: Iterable[RunRow], sort: str) -> int:
    """How many groups of runs there are that do not compare with each other in what they are sorted by; 0 where nothing is ranked."""
    if sort == NEWEST or not field_of(sort).result:
        return 0
    value = field_of(sort).value
    return len({comparable(row, sort) for row in rows if finite(value(row)) is not None})


def without_branch(row: RunRow) -> RunRow:
    """Without the branch that its place in the family has."""
    return row._replace(branch="") if row.branch else row
