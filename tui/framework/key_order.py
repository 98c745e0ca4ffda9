"""Keys act in their order, each where the ones before it have led.

Textual (8.2) hands a key to what has the focus when it comes. Of keys that come at once, over a slow connection or to a busy process, the
second would go to the mode or the dialog that the first one leaves.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.timer import Timer

PATIENCE = 0.5  # seconds after which a key is taken for done whose target is gone or hangs


class OrderedKeys(App[None]):
    """Forwards a key, or what is pasted, once the one before it is done and what that has opened is there.

    `pressed` is when the last one came, by the monotonic clock.
    """

    pressed = 0.0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._underway: events.Key | events.Paste | None = None  # not known to be done
        self._target: MessagePump = self
        self._held: deque[events.Key | events.Paste] = deque()
        self._wait_number = 0
        self._patience: Timer | None = None  # while something is held

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            if event is self._underway:  # it has come all the way up to the app, and no widget has stopped it
                self._underway = None
            return
        self.pressed = monotonic()
        if self._underway is None and not self._held and self.screen.is_mounted:
            await self._forward(event)
        else:
            self._held.append(event)
            if len(self._held) == 1:
                self._wait()

    async def _forward(self, event: events.Key | events.Paste) -> None:
        self._underway, self._target = event, self.focused or self.screen
        await super().on_event(event)
        if not event.is_forwarded:
            self._underway = None

    def _wait(self) -> None:
        self._wait_number += 1
        self._patience = self.set_timer(PATIENCE, lambda number=self._wait_number: self._go_on(number))  # type: ignore[misc]
        if self._underway is None:
            self._wait_for_screen(self._wait_number)
        else:
            self._follow(self._wait_number, self._target)

    def _follow(self, number: int, at: MessagePump) -> None:
        """Go the way of the key, a step behind it: from one pump to the one above, each time at the end of its queue."""
        if at is self or self._underway is None:
            self.call_later(self._wait_for_screen, number)
        elif not at.call_later(self._follow, number, at._parent or self):  # noqa: SLF001 - the way that messages bubble
            self._wait_for_screen(number)

    def _wait_for_screen(self, number: int) -> None:
        """Until the screen that is open now has gone through what it was told: it is mounted, and has asked for the focus."""
        if not self.screen.call_later(self.call_later, self._go_on, number):
            self.call_later(self._go_on, number)

    async def _go_on(self, number: int) -> None:
        if number != self._wait_number or self._patience is None:
            return
        self._patience.stop()
        self._patience = self._underway = None
        await self._forward(self._held.popleft())
        if self._held:
            self._wait()
