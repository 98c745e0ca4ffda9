"""How many arguments a callback takes, without `inspect`: Textual (8.2) asks for the signature of each partial function, which takes as long as what it does."""

from __future__ import annotations

from collections.abc import Callable
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType, MethodType
from typing import Any

from textual import _callback

count = _callback._count_parameters  # noqa: SLF001


def count_parameters(function: Callable[..., Any]) -> int:
    """As many as its signature has."""
    plain = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(plain, FunctionType) or "__wrapped__" in vars(plain) or "__signature__" in vars(plain):
        return count(function)
    code = plain.__code__
    more = sum(bool(code.co_flags & flag) for flag in (CO_VARARGS, CO_VARKEYWORDS))
    return code.co_argcount + code.co_kwonlyargcount + more - (plain is not function)


def count_quickly() -> None:
    """Have Textual count so."""
    _callback._count_parameters = count_parameters  # type: ignore[assignment]  # noqa: SLF001
