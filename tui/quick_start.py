"""A start with less work: without what importing Textual brings and no screen uses."""

from __future__ import annotations

import gc
import sys
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

# The names that Textual (8.2) imports from its own `types` as it starts, and where they are defined.
DEFINED_IN = {"IgnoreReturnCallbackType": "textual._types", "CallbackType": "textual._types"}


class TextualTypes(ModuleType):
    """In place of `textual.types`, which imports a tree of files, a selection and other widgets to name the types of their arguments."""

    def __getattr__(self, name: str) -> object:
        module = import_module(DEFINED_IN[name]) if name in DEFINED_IN else None
        if hasattr(module, name):
            return getattr(module, name)
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(real_module(self), name)


class TextualCommand(ModuleType):
    """In place of `textual.command`, the command palette with all its widgets, which `framework.palette` imports when it is opened.

    Textual (8.2) uses of it, before that, nothing but a base class of commands of its own, which are not among ours.
    """

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        setattr(self, name, type(name, (), {}))
        found: type = vars(self)[name]
        return found


class TypingExtensions(ModuleType):
    """In place of `typing_extensions`, which defines anew much of what Python has and Textual asks for."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(typing, name) if hasattr(typing, name) else getattr(real_module(self), name)


class Called(ModuleType):
    """In place of a module of which Textual, as it starts, needs nothing but names of what is called later, or never."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*arguments: Any, **options: Any) -> object:
            return getattr(real_module(self), name)(*arguments, **options)

        return call


# Files to download and toasts (identities with `uuid`, which looks for the machine's with `platform`), a table of a theme's colors, and help
# with styles that are wrong.
CALLED = ("mimetypes", "platformdirs", "rich.table", "textual.css._help_text", "textual.suggestions", "uuid")


def real_module(stand_in: ModuleType) -> ModuleType:
    """The module that it stands in for."""
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
    return import_module(stand_in.__name__)


@contextmanager
def lean_imports() -> Iterator[None]:
    """Textual is imported in here: without TLS for asyncio, which no screen speaks, and without widgets that no screen shows, or not at once."""
    stand_ins: dict[str, Any] = {
        "ssl": None,  # as if Python had been built without
        "textual.types": TextualTypes("textual.types"),
        "textual.command": TextualCommand("textual.command"),
        "typing_extensions": TypingExtensions("typing_extensions"),
        **{name: Called(name) for name in CALLED},
    }
    absent = [name for name in stand_ins if name not in sys.modules]
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
