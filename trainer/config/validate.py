"""From plain tables to a Config, or to everything that is wrong with them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.job import settings_of
from gradtop.trainer.config.other_names import known_as
from gradtop.trainer.config.problems import ConfigProblems, Problem, cut, printable
from gradtop.trainer.config.schema import all_keys, find_section, group, section, sections
from gradtop.trainer.declare import LARGEST, Section
from gradtop.trainer.fields.spec import SectionSpec
from gradtop.trainer.fields.text import float_text
from gradtop.trainer.fields.typed import Typed, TypedInt, as_fields
from gradtop.trainer.job import DEFAULT_JOB, job_names

FORMAT = 1  # of run.toml; a file without one is of the first


def validate(tables: Mapping[str, Any], file: str = "") -> Config:
    """A table without `kind` is of the default kind. Raises ConfigProblems with all there are."""
    problems = list(_misplaced(tables, file))
    if of_another := [problem for problem in problems if problem.key == "format"]:
        # What else seems wrong may be right in that format.
        raise ConfigProblems(of_another)
    job = found if (found := tables.get("job", DEFAULT_JOB)) in job_names() else DEFAULT_JOB
    settings = _settings(tables, job, file, problems)
    bad = {problem.key for problem in problems}
    shared = {part.name for part in sections()}
    ready = {name: _with_kind(name, as_fields(table)) for name, table in tables.items() if isinstance(table, Mapping) and name in shared}
    for name, table in ready.items():
        for key in [key for key in table if f"{name}.{key}" in bad]:
            del table[key]
        if section(name).kinds:
            table.setdefault("kind", section(name).default_kind)
    try:
        config = Config.model_validate({**ready, "job": job, "settings": settings})
    except ValidationError as error:
        problems.extend(_describe(error, file, tables))
        raise ConfigProblems(in_declared_order(problems)) from None
    if problems:
        raise ConfigProblems(in_declared_order(problems))
    return config


def _settings(tables: Mapping[str, Any], job: str, file: str, problems: list[Problem]) -> Section | None:
    """The job's own section, None where it has none; what is wrong with it is added to the problems."""
    declaration, table = settings_of(job), tables.get(job, {})
    if declaration is None or not isinstance(table, Mapping):
        return None
    try:
        return declaration.model_validate({name: value for name, value in as_fields(table).items() if name in declaration.model_fields})
    except ValidationError as error:
        # As pydantic would tell it of a field of the whole.
        details: list[ErrorDetails] = [{**detail, "loc": (job, *detail["loc"])} for detail in error.errors(include_url=False)]
        problems.extend(problem for detail in details for problem in _problems_of(detail, file, tables))
        return None


def in_declared_order(problems: Iterable[Problem]) -> list[Problem]:
    """As the sections and fields are declared, unknown keys last; each place once."""
    order = {key: number for number, key in enumerate(all_keys())}
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, order.get(problem.key, len(order))))


def shown(value: object) -> str:
    """A value as it would be written in TOML, cut short."""
    match value:
        case Typed() | TypedInt():
            text = value.text
        case bool():
            text = "true" if value else "false"
        case str():
            text = f'"{printable(value[:80])}"'
        case list() | tuple():
            text = "[" + ", ".join(shown(each) for each in value[:20]) + "]"
        case Mapping():
            text = "a table"
        case float():
            text = float_text(value)
        case int():
            # A number of thousands of digits cannot even be turned into text.
            text = str(value) if abs(value) < 10**40 else "a very long number"
        case _:
            text = str(value)
    return cut(text, 60)


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate that is spelt most like the word, or "" where none is near."""
    return next(iter(difflib.get_close_matches(word[:80], list(candidates), n=1, cutoff=0.6)), "")


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A suggestion, or "" where nothing is near."""
    near = nearest(word, candidates)
    return f"did you mean {near}?" if near else ""


def unknown_key(table: str, key: str, kind: str) -> tuple[str, str]:
    """Message and suggestion for a key that this kind of section lacks."""
    part = section(table)
    if owners := part.kinds_with(key):
        return f"belongs to {_listed(owners)}; kind is {kind}", f"set {table}.kind to {owners[0] if len(owners) == 1 else 'one of these'}, or leave it out"
    if known := known_as(f"{table}.{key}", all_keys()):
        return "unknown key", f"did you mean {known}?"
    elsewhere = [known for known in all_keys() if known.partition(".")[2] == key]
    if len(elsewhere) == 1:
        return "unknown key", f"did you mean {elsewhere[0]}?"
    names = [spec.name for spec in part.of(kind)]
    suggestion = did_you_mean(key, names) or did_you_mean(f"{table}.{key}", [key for key in all_keys() if not key.startswith(f"{table}.")])
    return "unknown key", suggestion or f"there are: {', '.join(names)}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _with_kind(name: str, table: dict[str, Any]) -> dict[str, Any]:
    """With a kind that exists, so that the other fields are judged too; a wrong one is a problem of its own."""
    part = section(name)
    if part.kinds and table.get("kind") not in part.kinds:
        table["kind"] = _likely_kind(part, table)
    return table


def _likely_kind(part: SectionSpec, table: Mapping[str, Any]) -> str:
    if "kind" not in table:
        return part.default_kind
    return max(part.kinds, key=lambda kind: (sum(part.find(kind, key) is not None for key in table), kind == part.default_kind))


def _misplaced(tables: Mapping[str, Any], file: str) -> Iterator[Problem]:
    """What pydantic would say badly: unknown sections, keys outside any, values where tables belong, wrong kinds, unknown keys."""
    for name, table in tables.items():
        if name == "format":
            yield from _unknown_format(table, file)
        elif name == "job":
            yield from _unknown_job(table, file)
        elif find_section(name) is None:
            yield _unknown_section(name, table, file)
        elif not isinstance(table, Mapping):
            yield Problem(file, name, f"must be a table, [{name}], not {shown(table)}")
        else:
            yield from _misplaced_in(name, table, file)


def _unknown_format(number: object, file: str) -> Iterator[Problem]:
    if type(number) is not int or number < 1:
        yield Problem(file, "format", f"must be the number of the file's format, {FORMAT}, not {shown(number)}")
    elif number > FORMAT:
        yield Problem(file, "format", f"is {shown(number)}, and this version of gradtop reads formats up to {FORMAT}; update gradtop")


def _unknown_job(job: object, file: str) -> Iterator[Problem]:
    if job not in job_names():
        suggestion = did_you_mean(job, job_names()) if isinstance(job, str) else ""
        yield Problem(file, "job", f"must be one of {', '.join(job_names())}, not {shown(job)}", suggestion)


def _unknown_section(name: str, table: object, file: str) -> Problem:
    names = [part.name for part in sections()]
    if isinstance(table, Mapping):
        suggestion = did_you_mean(name, names) or f"there are: {', '.join(names)}"
        return Problem(file, name, "unknown section", suggestion)
    elsewhere = [key for key in all_keys() if key.partition(".")[2] == name and name != "kind"]
    if elsewhere:
        return Problem(file, name, "stands outside any section", f"did you mean {' or '.join(elsewhere)}?")
    known = known_as(name, all_keys())
    return Problem(file, name, "unknown key", f"did you mean {known}?" if known else did_you_mean(name, [*names, *all_keys()]))


def _misplaced_in(name: str, table: Mapping[str, Any], file: str) -> Iterator[Problem]:
    part = section(name)
    kind = table.get("kind", part.default_kind)
    wrong = bool(part.kinds) and kind not in part.kinds
    if wrong:
        message = f"must be one of {', '.join(part.kinds)}, not {shown(kind)}"
        yield Problem(file, f"{name}.kind", message, did_you_mean(kind, part.kinds) if isinstance(kind, str) else "")
    for key in table:
        if part.find(kind if not wrong else "", key) is None and not (wrong and part.kinds_with(key)):
            yield Problem(file, f"{name}.{key}", *unknown_key(name, key, kind if not wrong else part.default_kind))


def _describe(error: ValidationError, file: str, tables: Mapping[str, Any]) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        yield from _problems_of(detail, file, tables)


def _problems_of(detail: ErrorDetails, file: str, tables: Mapping[str, Any]) -> Iterator[Problem]:
    if detail["type"] == "disagreement":
        yield from (Problem(file, key, sentence) for key, sentence in detail["ctx"]["misfits"])
    elif detail["type"] != "extra_forbidden":
        yield _field_problem(detail, file, tables)


def _same(one: float, other: object) -> bool:
    try:
        return isinstance(other, int | float) and float(one) == float(other)
    except OverflowError:
        return False


def _becomes_nan(number: Typed | TypedInt) -> bool:
    return isinstance(number, Typed) and math.isnan(number.checked)


def _written(table: object, name: str, number: object) -> Typed | TypedInt | None:
    """How a number stands in a table, or in a list there."""
    found = table.get(name) if isinstance(table, Mapping) else None
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, Typed | TypedInt) and (_same(each, number) or (isinstance(number, float) and math.isnan(number) and _becomes_nan(each))):
            return each
    return None


def _field_problem(detail: ErrorDetails, file: str, tables: Mapping[str, Any]) -> Problem:
    table, *rest = (str(each) for each in detail["loc"])
    part = section(table)
    kind = rest.pop(0) if rest and rest[0] in part.kinds else ""
    spec = part.find(kind, rest[0]) if rest else None
    if spec is None:
        return Problem(file, table, detail["msg"])
    given, expected = detail["input"], spec.expected
    if detail["type"] == "out_of_bounds":
        number, most = detail["ctx"]["number"], detail["ctx"]["bounds"].get("le", math.inf)
        given, expected = number, f"at most {group(most)}" if number > most else expected
    written = _written(tables.get(table), spec.name, given)
    given = given if written is None else written
    message = f"must be {expected}, not {shown(given)}"
    if isinstance(given, Typed) and spec.type in {"float", "floats"}:
        if given.text[-1:].isdigit() and given == math.inf and not any(sign in spec.bounds for sign in (" to ", "≤", "<")):
            message = f"must be at most {group(LARGEST)}, not {shown(given)}"
        elif given.lost:
            message = f"must be {spec.expected}; {shown(given)} is nearer to 0 than any number but 0 that a float holds"
    if detail["type"] == "unprintable":
        message = f"must be printable, which {shown(given)} is not"
    suggestion = did_you_mean(given, spec.choices) if isinstance(given, str) else ""
    return Problem(file, spec.key, message, suggestion)
