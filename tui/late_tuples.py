"""Named tuples of Textual's, whose classes are made in a fraction of the time: a start makes fifty of them."""

from __future__ import annotations

import typing
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from gradtop.trainer import named_tuple

QUICK: Any = named_tuple.NamedTuple
REFUSED = {"__new__", "__init__", "__slots__", "__getnewargs__", "_fields", "_field_defaults", "_make", "_replace", "_asdict", "_source"}


class LateTuples(type):
    """Makes a class of `typing`'s `NamedTuple` as we make our own, but with the constructor that it usually has, as there are thousands of some.

    That is made with the first instance. What is unusual, or wrong, is left to `typing`.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:  # noqa: ARG004 - so metaclasses are called
        fields = tuple(namespace.get("__annotations__", ()))
        with_default = [field in namespace for field in fields]
        if not fields or with_default != sorted(with_default) or REFUSED & namespace.keys() or any(field.startswith("_") for field in fields):
            return ORIGINAL(name, (ORIGINAL_BASE,), namespace)
        made = type(QUICK)(name, (QUICK,), namespace)
        made.__new__ = staticmethod(_new_of(made))
        return made


def _new_of(made: Any) -> Callable[..., Any]:
    def new(cls: Any, /, *values: Any, **named: Any) -> Any:
        usual = namedtuple(made.__name__, made._fields, defaults=made._field_defaults.values())  # type: ignore[misc]  # noqa: PYI024
        made.__new__ = usual.__new__
        return usual.__new__(cls, *values, **named)

    return new


of_bases: Callable[[tuple[Any, ...]], tuple[type, ...]] = typing.NamedTuple.__mro_entries__  # type: ignore[attr-defined]
(ORIGINAL_BASE,) = of_bases((typing.NamedTuple,))
ORIGINAL = type(ORIGINAL_BASE)
LATE_BASE = type.__new__(LateTuples, "NamedTuple", (), {})


def begin() -> None:
    """From now on, classes of named tuples are made so in this process."""
    # With another base beside it, which would have to be generic, as before.
    typing.NamedTuple.__mro_entries__ = lambda bases: (LATE_BASE,) if len(bases) == 1 else of_bases(bases)  # type: ignore[attr-defined]
