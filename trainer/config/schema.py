"""What the declarations say, as plain data: for the form, the command line, the problems and the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.job import settings_of
from gradtop.trainer.declare import Kind, declared
from gradtop.trainer.fields.spec import FieldSpec, SectionSpec, Type
from gradtop.trainer.job import DEFAULT_JOB, job_names

# What is no section of the file.
_PLAIN = ("job", "settings")


@cache
def sections() -> tuple[SectionSpec, ...]:
    """Every section that all jobs share, in the order of the file."""
    return tuple(_section(name) for name in Config.model_fields if name not in _PLAIN)


@cache
def _job_section(job: str) -> SectionSpec | None:
    settings = settings_of(job)
    return SectionSpec(job, job, (), "", {"": _fields(job, settings)}) if settings is not None else None


def job_sections() -> tuple[SectionSpec, ...]:
    """The sections that jobs add, each named after its job."""
    return tuple(filter(None, map(_job_section, job_names())))


def sections_of(job: str) -> tuple[SectionSpec, ...]:
    """The sections of a run that does this job: the shared ones, and the job's own."""
    own = _job_section(job)
    return sections() if own is None else (*sections(), own)


def find_section(name: str) -> SectionSpec | None:
    """The section of this name, of all jobs or of one: of the jobs' own no other is imported."""
    return next((part for part in sections() if part.name == name), None) or _job_section(name)


@cache
def section(name: str) -> SectionSpec:
    """Raises KeyError."""
    if (found := find_section(name)) is None:
        raise KeyError(name)
    return found


def build_all() -> None:
    """Build what validates each kind and each section now: for a process whose forks would all build it again."""
    for name in (part.name for part in sections()):
        for each in _classes(Config.model_fields[name].annotation):
            each.model_rebuild()
    for part in job_sections():
        if (settings := settings_of(part.name)) is not None:
            settings.model_rebuild()


@cache
def all_keys(job: str = DEFAULT_JOB) -> tuple[str, ...]:
    """Every dotted key of any kind in a run that does this job, once."""
    return tuple(dict.fromkeys(spec.key for part in sections_of(job) for specs in part.fields.values() for spec in specs))


def find_spec(key: str, kind: str = "") -> FieldSpec | None:
    """The field of this key in that kind, or in the first kind that has it."""
    table, _, name = key.partition(".")
    part = find_section(table)
    if part is None:
        return None
    if found := part.find(kind or part.default_kind, name):
        return found
    kinds = part.kinds_with(name)
    return part.find(kinds[0], name) if kinds else None


def _section(name: str) -> SectionSpec:
    about = Config.model_fields[name]
    classes = _classes(about.annotation)
    default = getattr(about.default, "kind", "")
    fields: dict[str, tuple[FieldSpec, ...]] = {}
    for each in classes:
        kind = each.model_fields["kind"].default if "kind" in each.model_fields else ""
        fields[kind] = _fields(name, each)
    kinds = tuple(kind for kind in fields if kind)
    fields = {kind: tuple(_with_kinds(spec, kinds) for spec in specs) for kind, specs in fields.items()}
    return SectionSpec(name, name, kinds, default, fields)


def _fields(table: str, model: type[BaseModel]) -> tuple[FieldSpec, ...]:
    inherited = {name for base in model.__bases__ if issubclass(base, BaseModel) for name in base.model_fields}
    # What makes the kind comes first, what it shares with its siblings last.
    order = {field: (field != "kind", field in inherited) for field in model.model_fields}
    return tuple(_spec(table, model, field) for field in sorted(order, key=order.__getitem__))


def _classes(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, UnionType):
        return list(get_args(annotation))
    return list(annotation.kinds().values()) if issubclass(annotation, Kind) else [annotation]


def _with_kinds(spec: FieldSpec, kinds: tuple[str, ...]) -> FieldSpec:
    if spec.name != "kind":
        return spec
    return FieldSpec(
        spec.key, spec.section, spec.name, "choice", spec.default, kinds, "", "", spec.help, spec.effect, f"one of {', '.join(kinds)}"
    )


def _spec(table: str, model: type[BaseModel], name: str) -> FieldSpec:
    about, extra = model.model_fields[name], declared(model, name)
    kind, choices = _type(about.annotation)
    if extra.get("choices"):
        kind, choices = "choice", extra["choices"]
    bounds, per_layer = _bounds(extra.get("bounds", {})), bool(extra.get("per_layer"))
    limits = f"from {bounds}" if " to " in bounds else bounds
    return FieldSpec(
        key=f"{table}.{name}",
        section=table,
        name=name,
        type=kind,
        default=about.default,
        choices=choices,
        bounds=extra.get("expected", "") if kind == "text" else bounds,
        unit=extra.get("unit", ""),
        help=about.description or "",
        effect=extra["effect"],
        expected=extra.get("expected") or _expected(kind, choices, limits, per_layer, get_args(about.annotation)),
        per_layer=per_layer,
        seldom=bool(extra.get("seldom")),
    )


def _type(annotation: Any) -> tuple[Type, tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        return "choice", get_args(annotation)
    if get_origin(annotation) is tuple:
        kinds: dict[Any, Type] = {int: "ints", float: "floats", str: "texts"}
        return kinds[get_args(annotation)[0]], ()
    if get_origin(annotation) is dict:
        return "table", ()
    plain: dict[Any, Type] = {bool: "bool", int: "int", float: "float", str: "text"}
    return plain[annotation], ()


def _bounds(bounds: Mapping[str, float]) -> str:
    low = f"≥ {group(bounds['ge'])}" if "ge" in bounds else f"> {group(bounds['gt'])}" if "gt" in bounds else ""
    # A bound that only keeps out what would fit nowhere is no news to anybody, until it is crossed.
    high = f"< {group(bounds['lt'])}" if "lt" in bounds else f"≤ {group(bounds['le'])}" if bounds.get("le", 1e9) < 1_000 else ""
    if low[:1] == "≥" and high[:1] == "≤":
        return f"{low[2:]} to {high[2:]}"
    return " and ".join(filter(None, (low, high)))


def group(value: float) -> str:
    """A bound, with a space between thousands."""
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else f"{value:g}".replace("e+", "e")


def _expected(kind: Type, choices: tuple[str, ...], bounds: str, per_layer: bool, arguments: tuple[Any, ...]) -> str:
    limits = f" {bounds}" if bounds else ""
    each = f", each {bounds}" if bounds else ""
    match kind:
        case "int":
            return f"an integer{limits}"
        case "float":
            return f"a number{limits}"
        case "bool":
            return "true or false"
        case "choice":
            return f"one of {', '.join(choices)}"
        case "text":
            return "a string"
        case "ints":
            return f"an integer{limits}, or a list of them" if per_layer else f"a list of integers{each}"
        case "texts":
            return "a list of strings"
        case "table":
            return "a table of keyword arguments, such as {width = 64}"
        case "floats":
            return f"{'two' if len(arguments) == 2 and arguments[1] is not ... else 'a list of'} numbers{each}"
