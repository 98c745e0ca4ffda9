"""A start with less work: a quarter of what importing the screen takes goes into what it never uses."""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter
from types import ModuleType
from typing import Any

# The names that Textual (8.2) imports from its own `types` as it starts, and where they are defined.
DEFINED_IN = {"IgnoreReturnCallbackType": "textual._types", "CallbackType": "textual._types"}
COMPARE: Any = getattr(dataclasses, "_cmp_fn", None)


class TextualTypes(ModuleType):
    """In place of `textual.types`, which imports a tree of files, a selection and other widgets to name the types of their arguments."""

    def __getattr__(self, name: str) -> object:
        module = import_module(DEFINED_IN[name]) if name in DEFINED_IN else None
        if hasattr(module, name):
            return getattr(module, name)
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(import_module(self.__name__), name)


@contextmanager
def lean_imports() -> Iterator[None]:
    """Textual is imported in here: without TLS for asyncio, which no screen speaks, and without widgets that no screen shows."""
    absent = [name for name in ("ssl", "textual.types") if name not in sys.modules]
    stand_ins: dict[str, Any] = {"ssl": None, "textual.types": TextualTypes("textual.types")}  # None: as if Python had been built without
    sys.modules.update({name: stand_ins[name] for name in absent})
    try:
        yield
    finally:
        for name in absent:
            if sys.modules.get(name) is stand_ins[name]:
                del sys.modules[name]


def begin() -> None:
    """Call this before anything of the screen is imported."""
    # Importing and laying out makes thousands of objects that all stay: looking for dead ones among them costs 20 ms.
    # The app enables it again when its first frame is drawn.
    gc.disable()
    quicken_dataclasses()


def quicken_dataclasses() -> None:
    """Have dataclasses made in half the time, here and in Textual: of the methods that Python (3.11, 3.12) compiles for each, all but `__init__` are closures.

    They do what the compiled ones do. A Python without these functions is left as it is.
    """
    ours = {"_repr_fn": represent, "_frozen_get_del_attr": freeze, "_cmp_fn": compare, "_hash_fn": hash_fields}
    if all(hasattr(dataclasses, name) for name in ours):
        for name, function in ours.items():
            setattr(dataclasses, name, function)


Fields = Sequence["dataclasses.Field[Any]"]


def represent(fields: Fields, _globals: object) -> Callable[..., str]:
    names = [field.name for field in fields]

    def __repr__(self: object) -> str:  # noqa: N807 - as it is found in the class
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return dataclasses._recursive_repr(__repr__)  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001 - what is replaced here is as private


def freeze(cls: type, fields: Fields, _globals: object) -> tuple[Callable[..., None], Callable[..., None]]:
    names = frozenset(field.name for field in fields)

    def __setattr__(self: object, name: str, value: object) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)  # type: ignore[arg-type]  # self is one of cls

    def __delattr__(self: object, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)  # type: ignore[arg-type]

    return __setattr__, __delattr__


def compare(name: str, op: str, self_tuple: str, other_tuple: str, globals: object) -> Callable[..., bool]:  # noqa: A002 - as it is called
    if op != "==":
        ordered: Callable[..., bool] = COMPARE(name, op, self_tuple, other_tuple, globals)
        return ordered
    values = values_of([part.removeprefix("self.") for part in self_tuple.strip("()").split(",") if part])

    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def hash_fields(fields: Fields, _globals: object) -> Callable[[object], int]:
    values = values_of([field.name for field in fields])

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def values_of(names: Sequence[str]) -> Callable[[object], object]:
    """What gives the fields of an object as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)
