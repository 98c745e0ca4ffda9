"""Frames that do not wait for Textual's timer."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from textual.screen import Screen
from textual.widget import Widget


def paint(screen: Screen[Any], changed: AbstractSet[Widget]) -> None:
    """Paint widgets at once, in the same wake-up of the process, where nothing else is to be done; else when Textual (8.2) does."""
    waits = screen._layout_required or screen._scroll_required or screen._repaint_required or screen._dirty_widgets  # noqa: SLF001 - it has no other way
    if not screen.is_current or screen.app._batch_count or waits:  # noqa: SLF001
        screen._dirty_widgets |= changed  # noqa: SLF001
        screen.check_idle()
    elif changed:
        screen._compositor.update_widgets(set(changed))  # noqa: SLF001
        screen._compositor_refresh()  # noqa: SLF001
