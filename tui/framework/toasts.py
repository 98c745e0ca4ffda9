"""How many toasts there are: few at once, and on the screen that is seen alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.notifications import Notifications
from textual.screen import Screen
from textual.widgets._toast import ToastRack

if TYPE_CHECKING:
    from textual.notifications import Notification

SHOWN = 3
SMOOTHING = "smoothing: "
SETTINGS = (SMOOTHING,)  # how toasts begin that tell a setting: what it was before is no news


def make_room(notifications: Notifications, new: Notification) -> list[Notification]:
    """Have room for one more; returns what gave way: what the same setting was before, then what only informs, and of that what would go next by itself."""

    def worth(each: Notification) -> tuple[bool, float]:
        return each.severity != "information", each.raised_at + each.timeout

    same = tuple(each for each in SETTINGS if new.message.startswith(each))
    gone = [each for each in notifications if same and each.message.startswith(same)]
    waiting = sorted((each for each in notifications if each not in gone), key=worth)
    gone += waiting[: max(0, len(waiting) - SHOWN + 1)]
    for each in gone:
        del notifications[each]
    return gone


def take_down(screen: Screen[Any], gone: Sequence[Notification] | None = None) -> None:
    """Remove the toasts of these, or all where the screen is not seen, with what holds each of them in its place.

    Textual (8.2) shows those that still have time on whichever screen is seen, and would keep them on each. Of one that gives way it
    leaves the holder.
    """
    for rack in screen.children:
        if isinstance(rack, ToastRack) and rack.children:
            names = None if gone is None else {rack._toast_id(each) for each in gone}  # noqa: SLF001
            rack.remove_children([each for each in rack.children if names is None or each.id in names])
