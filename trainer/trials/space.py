"""The space of a search: one distribution for each searched key of the configuration, as it is written, and what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.load import apply_overrides, to_tables
from gradtop.trainer.config.override import full_key
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.config.schema import find_spec, section
from gradtop.trainer.config.table_entry import entry_at, field_key
from gradtop.trainer.fields.text import to_text
from gradtop.trainer.job import DEFAULT_JOB

Value = float | int | bool | str
WRITTEN = "log(low, high), float(low, high), int(low, high) or choice(a, b, …), with step=S (not for log), points=N and an optional `if KEY == VALUE`"
_FORM = re.compile(r"\s*(log|float|int|choice)\s*\((.*)\)\s*", re.DOTALL)
_CONDITION = re.compile(r"(.*\))\s+if\s+([\w.]+)\s*(==|(?<=\s)in\b)\s*(.+)", re.DOTALL)
_COMMA = re.compile(r""",(?=(?:[^"']|"[^"]*"|'[^']*')*$)(?![^\[]*\])""")
MOST_POINTS = 100_000


class NotASpace(ValueError):
    """What is wrong with one distribution as it is written."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A searched key: `kind` is "float", "int" or "choice"; `step` 0 for a continuous one; `points` how many values of it a grid has, 0: by its step.

    With a `condition` (key and values), it is searched only in trials in which that key has one of these values.
    """

    key: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float = 0.0
    points: int = 0
    choices: tuple[Value, ...] = ()
    condition: tuple[str, tuple[Value, ...]] | None = None

    def extremes(self) -> tuple[Value, ...]:
        """The values whose validity decides: both ends, or every choice."""
        if self.kind == "choice":
            return self.choices
        return (int(self.low), int(self.high)) if self.kind == "int" else (self.low, self.high)

    def grid(self) -> tuple[Value, ...]:
        """Its values in a grid, in ascending order; () for a continuous one without a number of points."""
        if self.kind == "choice":
            return self.choices
        if self.points:
            shares = [number / max(self.points - 1, 1) for number in range(self.points)]
            values = [self.low * (self.high / self.low) ** share if self.log else self.low + (self.high - self.low) * share for share in shares]
            values[-1] = self.high if self.points > 1 else values[-1]
            return tuple(dict.fromkeys(round(value) for value in values)) if self.kind == "int" else tuple(values)
        step = self.step or (1.0 if self.kind == "int" else 0.0)
        if not step:
            return ()
        count = min(math.floor((self.high - self.low) / step + 1e-9) + 1, MOST_POINTS)
        return tuple(int(self.low + number * step) if self.kind == "int" else self.low + number * step for number in range(count))


def parse_parameter(key: str, written: object) -> Parameter:
    """A distribution as it is written. Raises NotASpace with a sentence."""
    if isinstance(written, list | tuple):
        written = f"choice({', '.join(_quoted(each) for each in written)})"
    if not isinstance(written, str):
        raise NotASpace(f"must be {WRITTEN}")
    condition = None
    if found := _CONDITION.fullmatch(written):
        written, values = found[1], _values(found[4].strip())
        condition = (found[2], values if found[3] == "in" else values[:1])
    if not (form := _FORM.fullmatch(written)):
        raise NotASpace(f"must be {WRITTEN}, not {written[:80]!r}")
    arguments = [part.strip() for part in _COMMA.split(form[2]) if part.strip()]
    if form[1] == "choice":
        choices = tuple(_value(each) for each in arguments)
        if not choices:
            raise NotASpace("choice() requires at least one value")
        return Parameter(key, "choice", choices=tuple(dict.fromkeys(choices)), condition=condition)
    return _range(key, form[1], arguments, condition)


def _range(key: str, form: str, arguments: Sequence[str], condition: tuple[str, tuple[Value, ...]] | None) -> Parameter:
    words = dict(part.replace(" ", "").split("=", 1) for part in arguments if "=" in part)
    bare = [part for part in arguments if "=" not in part]
    log = form == "log" or "log" in bare[2:]
    if unknown := [*(set(words) - {"step", "points"}), *(set(bare[2:]) - {"log"})]:
        raise NotASpace(f"has an unknown argument {unknown[0]!r}; there are: low, high, log, step=S, points=N")
    try:
        low, high = (float(part) for part in bare[:2])
        step, points = float(words.get("step", 0)), int(words.get("points", 0))
    except ValueError:
        raise NotASpace(f"requires two numbers, such as {form}(1e-5, 1e-2)") from None
    if not all(map(math.isfinite, (low, high, step))):
        raise NotASpace("requires finite numbers")
    if low > high:
        raise NotASpace(f"has its low end {low:g} above its high end {high:g}")
    if log and low <= 0:
        raise NotASpace(f"is logarithmic and must begin above 0, not at {low:g}")
    if step < 0 or points < 0 or points > MOST_POINTS:
        raise NotASpace("requires step and points ≥ 0")
    if log and step:
        raise NotASpace("is logarithmic and takes no step; points=N sets the values of a grid")
    if form == "int" and any(not each.is_integer() for each in (low, high, step)):
        raise NotASpace("requires integers")
    return Parameter(key, "int" if form == "int" else "float", low, high, log, step, points, condition=condition)


def _quoted(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _value(text: str) -> Value:
    """A value as TOML has it; a list is its text, a bare word a string."""
    try:
        value = tomli.loads(f"value = {text}")["value"]
    except (tomli.TOMLDecodeError, ValueError, RecursionError):
        return text.strip("\"'")
    return value if isinstance(value, bool | int | float | str) else text


def _values(text: str) -> tuple[Value, ...]:
    inside = text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text
    return tuple(_value(part.strip()) for part in (_COMMA.split(inside) if inside is not text else [text]) if part.strip())


def dotted_keys(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """A space with dotted keys, whether these are quoted in TOML or not."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= dotted_keys(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def parse_space(table: Mapping[str, Any], base: Config) -> tuple[Parameter, ...]:
    """The parameters, each after the one that its condition names. Raises ConfigProblems, of which `problems_of` are all."""
    found = {}
    kinds = _kinds(base)
    for key, written in table.items():
        found[_full(key, kinds)] = parse_parameter(_full(key, kinds), written)
    return tuple(_ordered(found))


def _ordered(found: Mapping[str, Parameter]) -> Iterator[Parameter]:
    done: set[str] = set()
    while len(done) < len(found):
        ready = [each for key, each in found.items() if key not in done and (each.condition is None or each.condition[0] not in found or each.condition[0] in done)]
        if not ready:
            raise NotASpace("has conditions that depend on each other in a circle")
        yield from ready
        done |= {each.key for each in ready}


def _kinds(base: Config) -> dict[str, str]:
    return {name: str(table["kind"]) for name, table in to_tables(base).items() if "kind" in table}


def key_in(key: str, base: Config) -> str:
    """The whole key of lr, which is optimizer.lr. Raises ConfigProblems where the configuration has no such key."""
    return _full(key, _kinds(base))


def _full(key: str, kinds: Mapping[str, str]) -> str:
    """Raises ConfigProblems where no kind has such a key."""
    try:
        return full_key(key, kinds)
    except ConfigProblems:
        if find_spec(key) is not None and key.partition(".")[0] in {*kinds, "training", "monitor", "augment", "sample"}:
            return key  # of another kind than the base has: its condition says in which
        raise


def space_problems(table: Mapping[str, Any], base: Config) -> Iterator[tuple[str, str]]:
    """(key, sentence) of all that is wrong: what is written, unknown keys, values that the configuration refuses."""
    kinds, found = _kinds(base), {}
    for key, written in table.items():
        try:
            full = _full(key, kinds)
            if full in found:
                yield key, f"is given twice: it is {full}"
            found[full] = parse_parameter(full, written)
        except ConfigProblems as wrong:
            yield from ((key, problem.explanation) for problem in wrong.problems)
        except NotASpace as wrong:
            yield key, str(wrong)
    try:
        ordered = list(_ordered(found))
    except NotASpace as wrong:
        yield next(iter(found)), str(wrong)
        return
    for each in ordered:
        if sentence := _refused(each, found, base):
            yield each.key, sentence


def _refused(each: Parameter, found: Mapping[str, Parameter], base: Config) -> str:
    """Why the configuration cannot have the ends of this parameter, "" where it can."""
    spec = find_spec(each.key)
    if spec is not None and spec.type == "int" and each.kind == "float":
        return "takes integers: use int(low, high)"
    if spec is not None and spec.type not in {"int", "float"} and each.kind != "choice":
        return f"takes {spec.expected}: use choice(a, b, …)"
    table = each.key.partition(".")[0]
    settings: list[dict[str, Value]] = [{}]
    if each.condition is not None:
        settings = [_assumed(each.condition[0], value, found) for value in each.condition[1]]
        try:
            full_key(each.condition[0], _kinds(base))
        except ConfigProblems as wrong:
            if find_spec(each.condition[0]) is None:
                return f"has a condition on {each.condition[0]}: {wrong.problems[0].explanation}"
    elif (kind := found.get(f"{table}.kind")) is not None and kind is not each and section(table).kinds:
        settings = [{kind.key: value} for value in kind.choices]
    for setting in settings:
        for value in each.extremes():
            try:
                configure(base, {**setting, each.key: value})
            except ConfigProblems as wrong:
                own = [problem for problem in wrong.problems if problem.key == field_key(each.key)]
                if own:
                    return f"{own[0].explanation} (in the space: {to_text(value)})"
    return ""


def _assumed(key: str, value: Value, found: Mapping[str, Parameter]) -> dict[str, Value]:
    """The value, and those that its own condition requires."""
    above = found[key].condition if key in found else None
    return {**(_assumed(above[0], above[1][0], found) if above is not None else {}), key: value}


def configure(base: Config, params: Mapping[str, Value]) -> Config:
    """The configuration of a trial. Raises ConfigProblems."""
    return apply_overrides(base, [f"{key}={to_text(value)}" for key, value in params.items()], job=DEFAULT_JOB)


def base_value(base: Config, key: str) -> object:
    """The value of a key in the base configuration; None where its kind lacks it."""
    return entry_at(to_tables(base), key.split("."))


def grid_point(space: Sequence[Parameter], base: Config, number: int) -> dict[str, Value] | None:
    """The trial of that number in the grid; None beyond its end. What a condition leaves out is counted once."""
    for place, params in enumerate(_grid(space, base, {})):
        if place == number:
            return params
    return None


def _grid(space: Sequence[Parameter], base: Config, chosen: dict[str, Value]) -> Iterator[dict[str, Value]]:
    if not space:
        yield chosen
        return
    first, *rest = space
    if not is_active(first, base, chosen):
        yield from _grid(rest, base, chosen)
        return
    for value in first.grid():
        yield from _grid(rest, base, {**chosen, first.key: value})


def is_active(each: Parameter, base: Config, chosen: Mapping[str, Value]) -> bool:
    """Whether it is searched in a trial with these values."""
    if each.condition is None:
        return True
    key, values = each.condition
    return (chosen[key] if key in chosen else base_value(base, key)) in values
