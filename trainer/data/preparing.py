"""What is done to data before training, one thing after the other: counted, so that somebody may see how far it is, and end it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Protocol, TypeVar

EVERY = 0.1  # seconds between two looks of the listener

T = TypeVar("T")


class PreparingListener(Protocol):
    def __call__(self, doing: str, done: int, of: int, /) -> None:
        """So many `of` all are done, 0 where their number is not known. May raise, which ends it."""


_LISTENER: ContextVar[PreparingListener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def listening(listener: PreparingListener) -> Iterator[None]:
    """What is prepared in the block tells the listener how far it is."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def one_by_one(doing: str, things: Iterable[T], of: int = 0) -> Iterator[T]:
    """The things, one after the other; the listener is told at the first, and every tenth of a second from then on."""
    listener = _LISTENER.get()
    if listener is None:
        yield from things
        return
    tell_at = 0.0
    for done, thing in enumerate(things):
        if (now := time.monotonic()) >= tell_at:
            tell_at = now + EVERY
            listener(doing, done, of)
        yield thing
