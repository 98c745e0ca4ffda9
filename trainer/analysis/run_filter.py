"""The filter of lists of runs: `optimizer.lr>1e-3 state:failed tag:base loss<0.1 warmup`. All of its terms must hold."""

from __future__ import annotations

import math
import operator
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.trainer.analysis.run_fields import FIELDS, field_name, field_of, is_looked_up
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import clean

if TYPE_CHECKING:
    from gradtop.trainer.analysis.run_row import RunRow

HINT = "state:failed lr>1e-3 tag:base loss<0.1"
LONGEST = 2000  # characters
WORD = re.compile(r'((?:[^\s"]|"[^"]*"?)+)')
TERM = re.compile(r"([A-Za-z_][\w./-]*)(!=|<=|>=|[:=<>])(.*)", re.DOTALL)
DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DATES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m")
ORDERS: Mapping[str, Callable[[float, float], bool]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Term(NamedTuple):
    """One condition; `number` is what was typed as a number, None where it is none. Without a `key` it is a word."""

    text: str
    key: str = ""
    order: str = ""
    number: float | None = None

    def holds(self, row: RunRow) -> bool:
        field = field_of(self.key)
        value = field.value(row)
        if field.unit == "time" and self.order not in ORDERS and value is not None:
            value = time.strftime(DATES[1], time.localtime(value))
        if self.order == "!=":
            return not self._equals(value, whole=True)
        if self.order in ORDERS:
            return self.number is not None and isinstance(value, int | float) and ORDERS[self.order](value, self.number)
        return self._equals(value, whole=self.order == "=")

    def _equals(self, value: Any, *, whole: bool) -> bool:
        if value is None:
            return False
        if isinstance(value, tuple):
            return any(self._equals(each, whole=whole) for each in value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.number is not None and (value == self.number or (value != value and math.isnan(self.number)))
        text = setting_text(value).casefold()
        return self.text == text if whole else self.text in text


class Filter(NamedTuple):
    """`words` must stand anywhere in a row's text. `problem` says in a sentence what is wrong: then nothing matches.

    `incomplete` says which term has no value yet, and so counts for nothing.
    """

    words: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    problem: str = ""
    incomplete: str = ""

    @property
    def needs(self) -> frozenset[str]:
        """What must be looked up for it."""
        return frozenset(need for term in self.terms for need in field_of(term.key).needs)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names of which only the runs can tell whether there is such a key."""
        return tuple(term.key for term in self.terms if is_looked_up(term.key))

    def matches(self, row: RunRow, text: Callable[[RunRow], str]) -> bool:
        if self.problem:
            return False
        if self.words and not all(map(text(row).__contains__, self.words)):
            return False
        return all(term.holds(row) for term in self.terms)


@lru_cache(16)
def parse(typed: str) -> Filter:
    """Never raises."""
    words, terms, problem, incomplete = [], [], "", ""
    for written in WORD.findall(typed[:LONGEST]):
        found = TERM.fullmatch(written)
        if found is None:
            words.append(written.replace('"', "").casefold())
            continue
        key, order, value = field_name(found[1]), found[2], found[3].replace('"', "")
        if not value:
            incomplete = f"{clean(key, 60)}{order} needs a value"
            continue
        number = number_of(value, field_of(key).unit)
        if order in ORDERS and number is None:
            wanted = {"s": "a duration such as 90s, 10m or 2h", "time": "a date such as 2026-11-24"}.get(field_of(key).unit, "a number")
            problem = problem or f"{clean(key, 60)}{order} is followed by {wanted}, not {clean(value, 40)!r}"
        terms.append(Term(value.casefold(), key, order, number))
    return Filter(tuple(word for word in words if word), tuple(terms), problem, incomplete)


def number_of(text: str, unit: str = "") -> float | None:
    """A number, a percentage, or where the unit is so a duration in seconds or a date in seconds since 1970."""
    if unit == "s" and (parts := DURATION.findall(text)) and "".join(map("".join, parts)) == text:
        return sum(float(value) * SECONDS[letter] for value, letter in parts)
    for form in DATES if unit == "time" else ():
        try:
            return time.mktime(time.strptime(text, form))
        except (ValueError, OverflowError):
            continue
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def unknown_name(key: str, known: Iterable[str]) -> str:
    """What is said of a key that no run has, with the one that was probably meant."""
    import difflib  # for a mistake alone

    names = sorted({*FIELDS, *known})
    last = {name.rpartition(".")[2]: name for name in names if "." in name}
    own = key.rpartition(".")[2]
    near = [last[own]] if own in last else difflib.get_close_matches(key, names, 1, 0.7)
    return f"no run has the key {clean(key, 60)}{f'; did you mean {near[0]}?' if near else ''}"
