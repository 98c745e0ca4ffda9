"""What is done to data before training, one thing after the other: counted, so that somebody may see how far it is, and end it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Protocol, TypeVar

from gradtop.trainer.runtime.control import Applied, Control
from gradtop.trainer.runtime.progress import Progress

EVERY = 0.1  # seconds between two looks of the listener
UPDATE_EVERY = 0.25  # seconds between two updates of the status

Each = TypeVar("Each")


class PreparingListener(Protocol):
    def __call__(self, doing: str, done: int, of: int, /) -> None:
        """So many `of` all are done, 0 where their number is not known; `doing` is "" once it is over. May raise, which ends it."""


_LISTENER: ContextVar[PreparingListener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def listening(listener: PreparingListener) -> Iterator[None]:
    """What is prepared in the block tells the listener how far it is."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def one_by_one(doing: str, things: Iterable[Each], of: int = 0) -> Iterator[Each]:
    """The things, one after the other; the listener is told at the first, every tenth of a second from then on, and at the end."""
    tell = telling(doing)
    for done, thing in enumerate(things):
        tell(done, of)
        yield thing
    tell(-1, of)


def telling(doing: str) -> Callable[[int, int], None]:
    """A function to call again and again with how much is done, and of how much: that with -1 is the end."""
    listener = _LISTENER.get()
    if listener is None:
        return lambda _done, _of: None
    tell_at = 0.0

    def tell(done: int, of: int) -> None:
        nonlocal tell_at
        if done < 0:
            listener("", 0, 0)
        elif (now := time.monotonic()) >= tell_at:
            tell_at = now + EVERY
            listener(doing, done, of)

    return tell


class Preparation:
    """The listener of a worker: writes how far it is into the status, and obeys the control of the run meanwhile."""

    def __init__(self, control: Control, progress: Progress, *, saves: bool, clock: Callable[[], float] = time.time) -> None:
        """Must be created by the thread that runs the job."""
        self._control, self._progress, self._saves, self._clock = control, progress, saves, clock
        self._job = threading.get_ident()
        self._doing, self._since, self._next = "", 0.0, 0.0

    def __call__(self, doing: str, done: int, of: int) -> None:
        now = self._clock()
        if doing != self._doing:
            self._doing, self._since, self._next = doing, now, 0.0
        if now >= self._next:
            self._next = now + UPDATE_EVERY
            self._progress.update(preparing={"doing": doing, "done": done, "of": of, "since": self._since, "at": now} if doing else {})
        # Libraries read files in threads of their own.
        if threading.get_ident() == self._job and self._control.due():
            # There is nothing to save, whatever the job saves later.
            self._control.begin(saves=False)
            self._control.obey(self)
            self._control.begin(saves=self._saves)

    # What `control` may ask for

    @property
    def step(self) -> int:
        return self._progress.status.step

    def pause(self) -> None:
        """It shows as starting, and waits."""

    def unpause(self) -> None:
        # What was waited for says nothing of the pace.
        self._doing = ""

    def checkpoint_now(self) -> str:
        raise ValueError("the data are being prepared, and nothing was trained yet that a checkpoint could keep")

    def set_live(self, changes: object, *, confirmed: bool = True) -> Applied:  # noqa: ARG002 - as the session of a training has it
        raise ValueError("the data are being prepared; change hyperparameters once training has begun")
