"""Classes of widgets made in a fraction of the time: a start makes fifty of them, each mode some more."""

from __future__ import annotations

from functools import cache
from typing import Any

from textual.dom import DOMNode
from textual.reactive import Reactive

COMPUTE = ("compute_", "_compute_")


@cache
def reactives_of(base: type) -> dict[str, Reactive[Any]]:
    """The reactive attributes that a class itself has."""
    return {name: value for name, value in vars(base).items() if isinstance(value, Reactive)}


@cache
def computes_of(base: type) -> frozenset[str]:
    """The attributes that a class itself has methods to compute for."""
    return frozenset(name.lstrip("_").removeprefix("compute_") for name in vars(base) if name.startswith(COMPUTE))


def init_subclass(cls: type[DOMNode], *, inherit_css: bool = True, inherit_bindings: bool = True, inherit_component_classes: bool = True) -> None:
    """As Textual's own (8.2), which looks through all attributes of all bases for each class."""
    super(DOMNode, cls).__init_subclass__()
    cls._reactives = {name: value for base in reversed(cls.__mro__) for name, value in reactives_of(base).items()}
    cls._computes = frozenset().union(*map(computes_of, cls.__mro__))
    cls._inherit_css, cls._inherit_bindings, cls._inherit_component_classes = inherit_css, inherit_bindings, inherit_component_classes
    names = [base.__name__ for base in cls._css_bases(cls)]
    cls._css_type_name, cls._css_type_names = names[0], frozenset(names)
    cls._merged_bindings = cls._merge_bindings()


def begin() -> None:
    """Call this before widgets are imported."""
    DOMNode.__init_subclass__ = classmethod(init_subclass)  # type: ignore[assignment]
