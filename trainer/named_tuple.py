"""typing's NamedTuple, whose classes are made in a tenth of the time: the screen needs fifty of them before its first chart.

`collections.namedtuple` evaluates the source of a constructor for each class; here all share one, which is somewhat slower to
call with keywords. To a type checker it is typing's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 - exported
else:
    try:
        from _collections import _tuplegetter
    except ImportError:  # as collections does

        def _tuplegetter(index: int, doc: str) -> property:
            return property(lambda self: self[index], doc=doc)

    _new = tuple.__new__

    class _Meta(type):
        """Makes of the fields of a class body a subclass of tuple; the class is an instance of `type`."""

        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            if bases != (NamedTuple,):
                raise TypeError(f"{name}: a named tuple has no other bases")
            # With `from __future__ import annotations` they stand in the namespace in each version of Python.
            fields = tuple(namespace.get("__annotations__", ()))
            if not fields:
                raise TypeError(f"{name}: a named tuple needs fields, and its module annotations from __future__")
            defaults = {field: namespace[field] for field in fields if field in namespace}
            if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                raise TypeError(f"{name}: a field without a default follows one with a default")
            members = {field: _tuplegetter(index, f"Alias for field number {index}") for index, field in enumerate(fields)}
            about = {"__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": defaults, "_ends": tuple(defaults.values())}
            return type(name, (_NamedTuple,), {**namespace, **members, **about})

    class NamedTuple(metaclass=_Meta):
        """A tuple with a name for each value: `class Point(NamedTuple): x: int; y: int = 0`."""

    class _NamedTuple(tuple):
        """What all of them share. Raises TypeError as a function with these parameters does."""

        __slots__ = ()
        _fields = _ends = ()

        def __new__(cls, *values: Any, **named: Any) -> Self:
            missing = len(cls._fields) - len(values)
            if named:
                if missing > 0:
                    defaults = cls._field_defaults
                    try:
                        values += tuple([named.pop(field) if field in named else defaults[field] for field in cls._fields[-missing:]])
                    except KeyError as error:
                        raise TypeError(f"{cls.__name__}() missing argument: {error}") from None
                if named:
                    raise TypeError(f"{cls.__name__}() got an unexpected or a second argument: {', '.join(map(repr, named))}")
            elif missing:
                if not 0 < missing <= len(cls._ends):
                    wrong = f"missing {missing - len(cls._ends)} arguments" if missing > 0 else f"takes {len(cls._fields)} arguments but {len(values)} were given"
                    raise TypeError(f"{cls.__name__}() {wrong}")
                values += cls._ends[-missing:]
            return _new(cls, values)

        @classmethod
        def _make(cls, values: Iterable[Any]) -> Self:
            return cls(*values)

        def _replace(self, /, **named: Any) -> Self:
            replaced = _new(type(self), [named.pop(field, value) for field, value in zip(self._fields, self, strict=True)])
            if named:
                raise TypeError(f"{type(self).__name__} has no field {', '.join(map(repr, named))}")
            return replaced

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join([f'{field}={value!r}' for field, value in zip(self._fields, self, strict=True)])})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)
