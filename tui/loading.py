"""Screens of the modes, imported when a mode is first opened or, after the first frame, in the background."""

from __future__ import annotations

import importlib
import time
from functools import partial
from typing import Any

from textual.screen import Screen

from gradtop.tui import keys

BETWEEN_IMPORTS = 0.02  # seconds, for the keys that come meanwhile


def import_screens() -> None:
    """Import the modes that were not opened yet, so that each opens at once. Call it in a thread, after the first frame."""
    for mode in keys.MODES:
        importlib.import_module(mode.screen.partition(":")[0])
        time.sleep(BETWEEN_IMPORTS)
    import gradtop.tui.screens.tune.draft  # noqa: F401 - with pydantic, which Tune needs to show anything


def load_screen(path: str) -> Screen[Any]:
    """Import a mode's screen on its first visit."""
    module, _, name = path.partition(":")
    screen: Screen[Any] = getattr(importlib.import_module(module), name)()
    return screen


LOADERS = {mode.name: partial(load_screen, mode.screen) for mode in (*keys.MODES, *keys.JOB_MODES, *keys.PAGES)}
