from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gradtop.tui.quick_start import quicken_dataclasses


def classes() -> dict[str, Any]:
    """As they are declared here and in Textual."""

    @dataclass(frozen=True, slots=True)
    class Frozen:
        a: int
        b: str = ""
        hidden: int = field(default=0, repr=False)
        aside: float = field(default=0.0, compare=False)

    @dataclass(frozen=True)
    class One:
        a: list[Any]

    @dataclass(order=True)
    class Ordered:
        a: int
        b: int = 0

    @dataclass
    class Nothing:
        pass

    @dataclass(frozen=True)
    class Further(One):
        b: int = 1

    return {each.__name__: each for each in (Frozen, One, Ordered, Nothing, Further)}


def refused(action: Callable[[], object]) -> tuple[str, str]:
    try:
        action()
    except (AttributeError, TypeError) as error:
        return type(error).__name__, str(error)
    return "", ""


def behaviour(of: dict[str, Any]) -> list[object]:
    """What the methods that Python makes for them do."""
    frozen, one, ordered, nothing, further = of.values()
    endless = one([])
    endless.a.append(endless)
    value = frozen(1, "x", 2, 0.5)
    return [
        repr(value), repr(endless), repr(ordered(1)), repr(nothing()), repr(further([2])),
        value == frozen(1, "x", 2, 9.0), value != frozen(1, "y", 2), value == 1, one([1]) == further([1]), nothing() == nothing(),
        hash(value) == hash((1, "x", 2)), refused(lambda: hash(ordered(1))), hash(one((1,))) == hash(((1,),)),
        ordered(1, 2) < ordered(1, 3), ordered(2) <= ordered(1), refused(lambda: ordered(1) < 1),
        refused(lambda: setattr(value, "a", 2)), refused(lambda: delattr(value, "a")), refused(lambda: setattr(further([]), "other", 2)),
        repr(replace(value, b="z")), dataclasses.asdict(value),
    ]  # fmt: skip


def test_dataclasses_that_are_made_sooner_do_what_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ("_repr_fn", "_frozen_get_del_attr", "_cmp_fn", "_hash_fn")
    if not all(hasattr(dataclasses, name) for name in made):
        quicken_dataclasses()
        assert behaviour(classes())[5] is True
        return
    usual = behaviour(classes())
    for name in made:
        monkeypatch.setattr(dataclasses, name, getattr(dataclasses, name))  # to have it back
    quicken_dataclasses()
    ours = classes()
    assert behaviour(ours) == usual
    assert ours["Frozen"].__eq__.__qualname__.endswith("Frozen.__eq__")


def test_the_screen_comes_without_tls_and_without_widgets_that_it_never_shows() -> None:
    code = """
import json, sys
from gradtop.tui.quick_start import lean_imports
with lean_imports():
    import gradtop.tui.app, gradtop.tui.screens.overview.screen
lean = list(sys.modules)
import ssl, textual.types
ssl.create_default_context
from textual.types import DirEntry, IgnoreReturnCallbackType
print(json.dumps(lean))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"ssl", "textual.widgets._directory_tree", "textual.widgets._select", "textual.types", "pydantic", "tomli"} & set(json.loads(done.stdout))
