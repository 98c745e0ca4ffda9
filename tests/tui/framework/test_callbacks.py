"""As many parameters are counted as `inspect` finds, whatever is called back."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from textual import _callback

from gradtop.tui.framework.callbacks import count_parameters


class Widget:
    def method(self, one: int, two: int = 2) -> None: ...

    def variadic(self, *arguments: int, key: int = 0, **more: int) -> None: ...

    def keywords(self, /, one: int, *, key: int) -> None: ...

    @classmethod
    def of_class(cls, one: int) -> None: ...

    @staticmethod
    def of_nothing(one: int) -> None: ...

    def __call__(self, one: int) -> None: ...


@functools.wraps(Widget.method)
def wrapper(*arguments: Any) -> Any:
    return arguments


def signed(*arguments: Any) -> Any:
    return arguments


signed.__signature__ = inspect.signature(lambda one: one)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "function",
    [
        lambda: None,
        lambda one, two=2: (one, two),
        Widget.method,
        Widget().method,
        Widget().variadic,
        Widget().keywords,
        Widget.of_class,
        Widget().of_class,
        Widget.of_nothing,
        Widget(),
        wrapper,
        signed,
        functools.partial(Widget().method, 1),
    ],
)
def test_the_count_is_that_of_the_signature(function: Callable[..., Any]) -> None:
    assert count_parameters(function) == len(inspect.signature(function).parameters)


def test_textual_counts_so() -> None:
    importlib.import_module("gradtop.tui.framework.terminal_app")
    assert _callback._count_parameters is count_parameters
