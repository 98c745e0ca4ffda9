from __future__ import annotations

import subprocess
import sys

# Run once with classes as `typing` makes them and once with ours: what it prints must be the same.
WITNESS = '''
from __future__ import annotations
import copy, inspect, pickle, sys, typing
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

if sys.argv[1] == "late":
    from gradtop.tui import late_tuples
    late_tuples.begin()

T = TypeVar("T")

class Point(NamedTuple):
    """Where."""

    x: int
    y: float = 0.5
    name: str = "o"
    LIMIT = 7

    @property
    def double(self) -> int: return 2 * self.x
    def moved(self, by: int) -> Point: return self._replace(x=self.x + by)
    @classmethod
    def origin(cls) -> Point: return cls(0)
    @staticmethod
    def helper() -> str: return "static"

class Bare(NamedTuple):
    only: list[int]

class Pair(NamedTuple):
    left: int
    right: list[Pair]

class Odd(NamedTuple):
    value: int
    def __repr__(self) -> str: return "odd!"
    def __eq__(self, other: object) -> bool: return True
    def __hash__(self) -> int: return 3

class Below(Point):
    def __new__(cls, x): return super().__new__(cls, x, 2.0)
    def __repr__(self): return "below " + super().__repr__()

class Empty(NamedTuple):
    pass

class Holder(NamedTuple, Generic[T]):
    held: T

Called = NamedTuple("Called", [("a", int), ("b", str)])

def tried(action):
    try: return action()
    except Exception as error: return type(error).__name__, str(error)

def matched(value):
    match value:
        case Point(1, y=2.5): return "by place and by name"
        case Point(x, _, "named"): return f"named {x}"
        case (a, b, c): return "as a sequence"

# Before there is an instance of Point.
print(Point.__doc__, Point.__name__, Point.__qualname__, Point.__module__, type(Point), Pair(1, []))
print(Point._fields, Point._field_defaults, Point.__match_args__, Bare._field_defaults, Empty._fields, Point.LIMIT, Point.__orig_bases__ == (NamedTuple,))
print(sorted(set(dir(Point)) - {"_ends"}), list(Point.__annotations__), typing.get_type_hints(Point), typing.get_type_hints(Bare))
print(Point.x.__doc__, Point.origin(), Below(4), Below(4).double, Below(4)._replace(name="z"), Point._make([1, 2, 3]))
print(tried(lambda: Bare()), tried(lambda: Bare(1, 2)), tried(lambda: Bare(other=1)), Bare([1]), Bare(only=[2]).only)
for fails in (lambda: Point(), lambda: Point(1, 2, 3, 4), lambda: Point(1, x=2), lambda: setattr(Point(1), "x", 2), lambda: setattr(Point(1), "other", 2), lambda: hash(Bare([1]))):
    print(tried(fails))
one = Point(1, y=2.5)
print(one, repr(Point("a\\n", None)), one == Point(1, 2.5), one == (1, 2.5, "o"), one != Point(2), hash(one) == hash((1, 2.5, "o")), one < Point(2), sorted([Point(2), one]))
print(*one, one[1], one[-1], one[:2], len(one), one + (1,), one.count(1), one.index(2.5), one.double, one.moved(3), one.helper(), one._asdict(), one._replace(y=1), one.__getnewargs__())
print([matched(each) for each in (one, Point(3, 4.0, "named"), Point(5))], [tuple(each) for each in (one, Odd(3))])
print([pickle.loads(pickle.dumps(each, protocol)) for each in (one, Odd(1)) for protocol in range(2, 6)], copy.copy(one), copy.deepcopy(Point([1])), Odd(1) == Odd(2), len({Odd(1), Odd(2)}))
print([(each.name, each.default, each.kind) for each in inspect.signature(Point).parameters.values()], isinstance(one, tuple), issubclass(Point, tuple), hasattr(one, "__dict__"), one.__class__ is Point)
print(Holder[int], Holder(3), Called(1, "b"), Called.__module__, Empty(), {one: 1}[(1, 2.5, "o")], f"{one!s}", "%s %s %s" % one)

def refused(body):
    space = {"NamedTuple": NamedTuple}
    return tried(lambda: exec("class Wrong(NamedTuple):\\n " + body, space))

for body in ("_a: int", "a: int = 1; b: int", "a: int\\n def __new__(cls): ...", "a: int\\n _make = 3", "a: int\\n __slots__ = ()", "a: int\\n def __init__(self): ..."):
    print(refused(body))
wide = {}
exec("from typing import NamedTuple\\nclass Wide(NamedTuple):\\n" + "".join(f" f{number}: int = {number}\\n" for number in range(70)), wide)
print(wide["Wide"]().f69, wide["Wide"](f3=9)[3])
'''


def said(how: str) -> str:
    done = subprocess.run([sys.executable, "-c", WITNESS, how], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_named_tuple_of_textuals_is_as_typing_makes_it() -> None:
    usual, late = said("usual"), said("late")
    assert len(usual.splitlines()) > 20
    assert late.splitlines() == usual.splitlines()
