"""How a field is declared, once: type, default, bounds, unit, help, and how a change to it takes effect; and how kinds are found.

No torch: whatever a kind needs of it is built by its `builder`, which is imported when it is called.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic._internal import _model_construction
from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

from gradtop.trainer.fields.spec import Effect

# What is computed with it is computed in float32, which holds 3.4e38 at most.
LARGEST = 1e30

_building = threading.RLock()


def setting(
    default: Any,
    *,
    help: str,  # noqa: A002 - it is the help
    effect: Effect,
    unit: str = "",
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    per_layer: bool = False,
    pattern: str | None = None,
    expected: str = "",
    choices: tuple[str, ...] = (),
    seldom: bool = False,
) -> Any:
    """Declare a field. Bounds hold for each number of a list; `per_layer` takes one number for all layers, or a list.

    `expected` says what a text must be where `pattern` would say it badly; `choices` are what it usually is, where more can be only with other fields.
    One that is `seldom` changed has no line in the form while it is as it is by default.
    """
    bounds = {name: bound for name, bound in (("gt", gt), ("ge", ge), ("lt", lt), ("le", le)) if bound is not None}
    extra: dict[str, Any] = {"effect": effect, "unit": unit, "bounds": bounds, "per_layer": per_layer, "expected": expected, "choices": choices, "seldom": seldom}
    return Field(default, description=help, pattern=pattern, json_schema_extra=extra)


def declared(model: type[BaseModel], name: str) -> dict[str, Any]:
    """What `setting` was told about a field, besides type, default and help."""
    extra = model.model_fields[name].json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _plain_arguments(value: dict[str, Any]) -> dict[str, Any]:
    for name in value:
        if not name.isidentifier():
            raise PydanticCustomError("not_a_keyword", "not a keyword")
    return value


# Keyword arguments for something of another package: what TOML can hold, checked by whoever is called.
Arguments = Annotated[dict[str, Any], AfterValidator(_plain_arguments)]


def target(default: str, *, help: str, effect: Effect) -> Any:  # noqa: A002 - it is the help
    """Declare a field that names a callable as `package.module:callable`."""
    return setting(
        default, help=help, effect=effect, pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$",
        expected="package.module:callable",
    )


def _plain_validator(schema: CoreSchema, _type: Any, _module: str, _name: str, _kind: str, config: Any = None, _settings: Any = None, **options: Any) -> Any:
    return SchemaValidator(schema, config, **options)


@contextlib.contextmanager
def _without_plugins() -> Iterator[None]:
    construction: Any = _model_construction
    with _building:
        theirs = construction.create_schema_validator
        construction.create_schema_validator = _plain_validator
        try:
            yield
        finally:
            construction.create_schema_validator = theirs


class Section(BaseModel):
    """A table of the config: frozen, strict (`true` is not 1, `"3"` is not 3), closed to unknown keys and to nan and inf."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, validate_default=True, defer_build=True)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        """(field, sentence) of each pair of its fields that cannot be combined."""
        return iter(())

    def disagreements_with(self, config: Any) -> Iterator[tuple[str, str]]:  # noqa: ARG002 - of a job's section, which overrides it
        """(key, sentence) of what in a job's own section cannot be combined with the rest of the configuration."""
        return iter(())

    def missing_here(self, directory: str) -> Iterator[tuple[str, str]]:  # noqa: ARG002 - of a job's section, which overrides it
        """(key, sentence) of what a job's own section needs and this machine lacks: found before a run is created that starts in the directory."""
        return iter(())

    @classmethod
    def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **options: Any) -> bool | None:
        """Build what validates it, when it is first used. No plugin of pydantic's is looked for: that reads what each installed package declares."""
        with _without_plugins():
            return super().model_rebuild(_parent_namespace_depth=_parent_namespace_depth + 1, **options)

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, table: Any) -> Any:
        # TOML has lists; frozen models have tuples, and one number where one stands for all layers.
        return {name: cls._frozen(name, value) for name, value in table.items()} if isinstance(table, dict) else table

    @classmethod
    def _frozen(cls, name: str, value: Any) -> Any:
        if type(value) is int and name in cls.model_fields and declared(cls, name).get("per_layer"):
            return (value,)
        return tuple(value) if isinstance(value, list) else value

    @field_validator("*", mode="after")
    @classmethod
    def _bounded(cls, value: Any, info: ValidationInfo) -> Any:
        bounds = declared(cls, info.field_name or "").get("bounds") or {}
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and number > LARGEST:
                bounds = {"le": LARGEST, **bounds}
            if not within(number, bounds):
                raise PydanticCustomError("out_of_bounds", "out of bounds", {"number": number, "bounds": bounds})
        texts = value if isinstance(value, tuple) else (repr(value),) if isinstance(value, dict) else (value,)
        if any(isinstance(text, str) and not text.isprintable() for text in texts):
            raise PydanticCustomError("unprintable", "unprintable")
        return value


def within(number: float, bounds: dict[str, float]) -> bool:
    return not (
        ("gt" in bounds and not number > bounds["gt"])
        or ("ge" in bounds and not number >= bounds["ge"])
        or ("lt" in bounds and not number < bounds["lt"])
        or ("le" in bounds and not number <= bounds["le"])
    )


class Kind(Section):
    """One kind of a section, told apart by `kind`.

    The base class of a section's kinds names the `package` in which each of them is declared, in a module or a folder of its
    own. As the type of a field the base class stands for any of them. A new kind is one file in that package.
    """

    package: ClassVar[str]
    # "package.module:callable", which makes what this kind declares; it may import torch.
    builder: ClassVar[str]
    if TYPE_CHECKING:
        kind: str

    @classmethod
    def kinds(cls) -> dict[str, type[Self]]:
        """Every kind by its name, in alphabetical order."""
        return _kinds(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if "package" not in vars(cls):
            return handler(source)
        # Of many kinds a configuration has one: only what validates that one is built, when it is first met.
        choices: dict[Any, CoreSchema] = {name: core_schema.no_info_plain_validator_function(kind.model_validate) for name, kind in cls.kinds().items()}
        return core_schema.tagged_union_schema(choices, discriminator="kind")

    def build(self, *arguments: Any, **keywords: Any) -> Any:
        """What the builder makes of this declaration."""
        module, _, name = self.builder.partition(":")
        return getattr(importlib.import_module(module), name)(self, *arguments, **keywords)


@functools.cache
def _kinds(base: Any) -> dict[str, Any]:
    found = {}
    for _, name, _ in pkgutil.iter_modules(importlib.import_module(base.package).__path__, f"{base.package}."):
        for each in vars(importlib.import_module(name)).values():
            if isinstance(each, type) and issubclass(each, Kind) and each.__module__ == name and "kind" in each.model_fields:
                found[each.model_fields["kind"].default] = each
    return dict(sorted(found.items()))
