"""A start with less work: without what importing Textual brings and no screen uses."""

from __future__ import annotations

import gc
import os
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
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


# What follows within one frame's time waits for the next: with half of Textual's the answer to a key comes sooner.
FRAMES = ("TEXTUAL_FPS", "120")
# Files to download and toasts (identities with `uuid`, which looks for the machine's with `platform`), a table of a theme's colors, help
# with styles that are wrong, lines between widgets, what a style carries.
CALLED = (
    "asyncio.sslproto", "mimetypes", "pickle", "platformdirs", "rich.padding", "rich.panel", "rich.table", "textual.canvas",
    "textual.css._help_text", "textual.suggestions", "uuid",
)  # fmt: skip
# Modules that compile patterns of which many are never looked for, and use them by their methods alone.
LATE_PATTERNS = frozenset({"fractions", "logging", "rich.markup", "string", "textual._xterm_parser", "textual.css.tokenizer", "textwrap"})


class LatePattern:
    """A regular expression that is compiled when it is first looked for."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._arguments = pattern, flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(*self._arguments)

    # These two are taken from a pattern as it is made.

    def match(self, text: str, *bounds: int) -> re.Match[str] | None:
        return self._compiled.match(text, *bounds)

    def search(self, text: str, *bounds: int) -> re.Match[str] | None:
        return self._compiled.search(text, *bounds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled, name)


def real_module(stand_in: ModuleType) -> ModuleType:
    """The module that it stands in for."""
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
    return import_module(stand_in.__name__)


@contextmanager
def lean_imports() -> Iterator[None]:
    """Textual is imported in here: without TLS for asyncio, which no screen speaks, and without widgets that no screen shows, or not at once."""
    with standing_in(_stand_ins()), late_patterns():
        yield


def import_paths() -> None:
    """Import `pathlib` without what it has for URIs, of which there are none."""
    with standing_in({"urllib.parse": Called("urllib.parse")}):
        import_module("pathlib")


def _stand_ins() -> dict[str, Any]:
    return {
        "ssl": None,  # as if Python had been built without
        "textual.types": TextualTypes("textual.types"),
        "textual.command": TextualCommand("textual.command"),
        "typing_extensions": TypingExtensions("typing_extensions"),
        **{name: Called(name) for name in CALLED},
    }


@contextmanager
def standing_in(stand_ins: Mapping[str, Any]) -> Iterator[None]:
    """Have imports in here find these in place of modules that are not imported yet."""
    absent = [name for name in stand_ins if name not in sys.modules]
    sys.modules.update({name: stand_ins[name] for name in absent})
    try:
        yield
    finally:
        for name in absent:
            if sys.modules.get(name) is stand_ins[name]:
                del sys.modules[name]


@contextmanager
def late_patterns() -> Iterator[None]:
    """Have patterns of some modules that are imported in here compiled when they are looked for."""
    compiled = re.compile

    def compile_late(pattern: Any, flags: int = 0) -> Any:
        late = sys._getframe(1).f_globals.get("__name__") in LATE_PATTERNS  # noqa: SLF001 - who asks is not told in another way
        return (LatePattern if late else compiled)(pattern, flags)

    vars(re)["compile"] = compile_late
    try:
        yield
    finally:
        vars(re)["compile"] = compiled


def compile_late_patterns() -> None:
    """Compile all that are not compiled yet."""
    for each in gc.get_objects():
        if type(each) is LatePattern:  # `isinstance` would wake what others have lying there
            _ = each._compiled  # noqa: SLF001


def begin() -> None:
    """Call this before anything of the screen is imported."""
    from gradtop.tui import late_tuples

    os.environ.setdefault(*FRAMES)  # read as Textual is imported
    late_tuples.begin()
    # Importing and laying out makes thousands of objects that all stay: looking for dead ones among them costs 20 ms.
    # The app enables it again when its first frame is drawn.
    gc.disable()
