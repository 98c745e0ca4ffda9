"""Named tuples that are made quickly behave as typing's."""

from __future__ import annotations

import copy
import pickle
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer import named_tuple
from tests.sources import ROOT


class Ours(named_tuple.NamedTuple):
    """A point."""

    x: int
    y: float = 0.5
    name: str = "a"

    @property
    def twice(self) -> int:
        return 2 * self.x

    def moved(self, by: int) -> Ours:
        return self._replace(x=self.x + by)


class Theirs(typing.NamedTuple):
    """A point."""

    x: int
    y: float = 0.5
    name: str = "a"

    @property
    def twice(self) -> int:
        return 2 * self.x

    def moved(self, by: int) -> Theirs:
        return self._replace(x=self.x + by)


def both(use: Callable[[Any], object]) -> tuple[object, object]:
    """What it gives of each, or the kind of error that it raises."""
    found: list[object] = []
    for kind in (Ours, Theirs):
        try:
            found.append(use(kind))
        except (TypeError, AttributeError, ValueError) as error:
            found.append(type(error))
    return found[0], found[1]


def pickled(value: object) -> object:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - what was written in the same line


@pytest.mark.parametrize(
    "use",
    [
        lambda kind: kind(1),
        lambda kind: kind(1, 2.0),
        lambda kind: kind(1, 2.0, "b"),
        lambda kind: kind(1, name="b"),
        lambda kind: kind(name="b", x=3),
        lambda kind: kind(y=1.0, x=3, name="c"),
        lambda kind: kind(),
        lambda kind: kind(y=1.0),
        lambda kind: kind(1, 2.0, "b", 4),
        lambda kind: kind(1, x=2),
        lambda kind: kind(1, 2.0, "b", name="c"),
        lambda kind: kind(1, z=2),
        lambda kind: kind._make([1, 2.0, "b"]),
        lambda kind: kind(1)._asdict(),
        lambda kind: kind(1)._replace(name="b"),
        lambda kind: repr(kind(1, name="b")).removeprefix(kind.__name__),
        lambda kind: repr(kind(1)).startswith(kind.__name__),
        lambda kind: hash(kind(1)) == hash((1, 0.5, "a")),
        lambda kind: kind(1) == kind(1) == (1, 0.5, "a") != kind(2),
        lambda kind: sorted([kind(2), kind(1)]),
        lambda kind: setattr(kind(1), "x", 2),
        lambda kind: setattr(kind(1), "z", 2),
        lambda kind: kind(1).__dict__,
        lambda kind: (kind(1).x, kind(1).name, kind(3).twice, kind(3).moved(2)),
        lambda kind: kind(1)[0] + kind(1)[1] + len(kind(1)),
        lambda kind: (kind._fields, kind._field_defaults, kind.__match_args__, kind.__doc__, kind.__module__, type(kind)),
        lambda kind: copy.deepcopy(kind(1)),
        lambda kind: (copy.copy(kind(1)), type(copy.copy(kind(1))) is kind),
        lambda kind: (pickled(kind(1)), type(pickled(kind(1))) is kind),
    ],
)
def test_it_does_as_typings(use: Callable[[Any], object]) -> None:
    ours, theirs = both(use)
    assert ours == theirs


def test_a_field_that_there_is_not_is_not_replaced() -> None:
    other: Any = {"z": 1}
    with pytest.raises(TypeError, match="no field 'z'"):  # as from Python 3.13 on
        Ours(1)._replace(**other)


def test_its_fields_are_matched() -> None:
    match Ours(1, name="b"):
        case Ours(x, _, name):
            assert (x, name) == (1, "b")


def test_a_default_before_a_field_without_one_other_bases_and_no_fields_are_refused() -> None:
    meta: Any = type(named_tuple.NamedTuple)
    with pytest.raises(TypeError, match="without a default"):
        meta("Late", (named_tuple.NamedTuple,), {"__annotations__": {"x": "int", "y": "int"}, "x": 1})
    with pytest.raises(TypeError, match="no other bases"):
        meta("Mixed", (named_tuple.NamedTuple, dict), {"__annotations__": {"x": "int"}})
    with pytest.raises(TypeError, match="needs fields"):
        meta("Empty", (named_tuple.NamedTuple,), {})


def test_the_screen_and_the_trainer_use_them_alone() -> None:
    makers = [path for folder in ("tui", "trainer") for path in (ROOT / folder).rglob("*.py") if imports_typings(path)]
    assert makers == [ROOT / "trainer" / "named_tuple.py"]


def imports_typings(path: Path) -> bool:
    return any(line.lstrip().startswith("from typing import") and "NamedTuple" in line for line in path.read_text(encoding="utf-8").splitlines())
