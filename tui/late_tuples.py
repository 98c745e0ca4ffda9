"""Named tuples whose classes are made in a fraction of the time: a start makes a hundred of them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

MOST = 64  # fields
NAMES = tuple(f"field_{number}" for number in range(MOST))
USUAL = vars(namedtuple("Usual", NAMES))  # type: ignore[misc]  # noqa: PYI024 - for its parts
# How a field is read, by its place: in C, which Python offers in this way alone.
GETTERS = tuple(USUAL[name] for name in NAMES)
REFUSED = {"__new__", "__init__", "__slots__", "__getnewargs__", "_fields", "_field_defaults", "_make", "_replace", "_asdict", "_source"}


class LateTuples(type):
    """Makes a class of `NamedTuple` as `typing` does, without the two things that take most of the time.

    Annotations stay the texts that they are, where `typing` compiles each; and `__new__`, which is compiled too, is made with the first
    instance. What is unusual, or wrong, is left to `typing`.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:  # noqa: ARG004 - so metaclasses are called
        fields = tuple(namespace.get("__annotations__", ()))
        defaults = {field: namespace[field] for field in fields if field in namespace}
        last = fields[len(fields) - len(defaults) :]
        if not 0 < len(fields) <= MOST or tuple(defaults) != last or REFUSED & namespace.keys() or any(field.startswith("_") for field in fields):
            return ORIGINAL(name, (ORIGINAL_BASE,), namespace)
        own = {key: value for key, value in namespace.items() if key not in defaults}
        made = type(name, (tuple,), {
            "__doc__": f"{name}({', '.join(fields)})", "__match_args__": fields, "__repr__": _repr, **OTHERS, **own,
            "__slots__": (), "_fields": fields, "_field_defaults": defaults, "_make": classmethod(_make), "_replace": _replace,
            **dict(zip(fields, GETTERS, strict=False)),
        })  # fmt: skip
        made.__new__ = staticmethod(_new_of(made))  # type: ignore[method-assign]
        return made


def _new_of(made: Any) -> Callable[..., Any]:
    def new(cls: Any, /, *values: Any, **named: Any) -> Any:
        usual = namedtuple(made.__name__, made._fields, defaults=made._field_defaults.values())  # type: ignore[misc]  # noqa: PYI024
        made.__new__ = usual.__new__
        return usual.__new__(cls, *values, **named)

    return new


def _make(cls: Any, values: Iterable[Any]) -> Any:
    made = tuple.__new__(cls, values)
    if len(made) != len(cls._fields):
        raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
    return made


def _replace(self: Any, /, **changes: Any) -> Any:
    made = self._make(map(changes.pop, self._fields, self))
    if changes:
        raise ValueError(f"Got unexpected field names: {list(changes)!r}")
    return made


def _repr(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in zip(self._fields, self, strict=True))})"


# What of a named tuple is the same for all.
OTHERS = {name: USUAL[name] for name in ("_asdict", "__getnewargs__")} | ({"__replace__": _replace} if "__replace__" in USUAL else {})
of_bases: Callable[[tuple[Any, ...]], tuple[type, ...]] = NamedTuple.__mro_entries__  # type: ignore[attr-defined]
(ORIGINAL_BASE,) = of_bases((NamedTuple,))
ORIGINAL = type(ORIGINAL_BASE)
LATE_BASE = type.__new__(LateTuples, "NamedTuple", (), {})


def begin() -> None:
    """From now on, classes of named tuples are made so in this process."""
    # With another base beside it, which would have to be generic, as before.
    NamedTuple.__mro_entries__ = lambda bases: (LATE_BASE,) if len(bases) == 1 else of_bases(bases)  # type: ignore[attr-defined]
