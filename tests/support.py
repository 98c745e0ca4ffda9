"""What every test may use: waiting for a condition instead of sleeping."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar
from zipfile import ZipFile

T = TypeVar("T")

_never = threading.Event()


class Later:
    """A module that is imported when a test first asks for something in it: each process collects all tests and runs a few."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # as pytest looks at all that a module holds
            raise AttributeError(name)
        return getattr(import_module(self._name), name)


def archive(name: str) -> bytes:
    """A zip archive with one small file."""
    file = io.BytesIO()
    with ZipFile(file, "w") as made:
        made.writestr(name, b"weights")
    return file.getvalue()


# What passes for a checkpoint until PyTorch opens it.
CHECKPOINT = archive("step-000032/data.pkl")


def wait_until(condition: Callable[[], T | None], timeout: float = 60.0, why: str = "the condition", interval: float = 0.02) -> T:
    """Poll until the condition is true and return its value; fail with what was waited for after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {why}")
        _never.wait(interval)
