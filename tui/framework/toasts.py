"""How many toasts there are: few at once, and on the screen that is seen alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.notifications import Notifications
from textual.screen import Screen
from textual.widgets._toast import ToastRack

if TYPE_CHECKING:
    from textual.notifications import Notification

SHOWN = 3


def make_room(notifications: Notifications) -> None:
    """Have room for one more: first goes what only informs, and of that what would go next by itself."""

    def worth(each: Notification) -> tuple[bool, float]:
        return each.severity != "information", each.raised_at + each.timeout

    waiting = sorted(notifications, key=worth)
    for each in waiting[: max(0, len(waiting) - SHOWN + 1)]:
        del notifications[each]


def take_down(screen: Screen[Any]) -> None:
    """Leave no toasts on a screen that is not seen: Textual (8.2) shows those that still have time on whichever is, and would keep them on each."""
    for each in screen.children:
        if isinstance(each, ToastRack) and each.children:
            each.remove_children()
