"""Screens of the modes, imported when a mode is first opened; and what takes long to import, ahead of that."""

from __future__ import annotations

import importlib
import time
from functools import partial
from typing import Any

from textual.screen import Screen
from textual.worker import get_current_worker

from gradtop.tui import keys
from gradtop.tui.reading.cores import IdleCores
from gradtop.tui.reading.poll import SHARE, SPARE

BETWEEN_IMPORTS = 0.02  # seconds, for the keys that come meanwhile
START = 0.5  # seconds of a processor that a start may take
# What Tune needs to show anything, in pieces: a quarter of a second. No other mode takes a tenth of that.
SLOW = ("pydantic_core", "pydantic", "gradtop.trainer.config", "gradtop.tui.screens.tune.draft")


def import_ahead() -> None:
    """Import what would delay the first visit of a mode.

    Where a training wants the cores, so slowly that it feels nothing of it, and not before the start of the screen is made up for.
    """
    idle_cores, cancelled = IdleCores(), get_current_worker().cancelled_event
    spent = min(START, time.process_time())
    for name in SLOW:
        if cancelled.wait(BETWEEN_IMPORTS if idle_cores() >= SPARE else max(BETWEEN_IMPORTS, spent / SHARE)):
            return
        begin = time.thread_time()
        importlib.import_module(name)
        spent = time.thread_time() - begin


def load_screen(path: str) -> Screen[Any]:
    """Import a mode's screen on its first visit."""
    module, _, name = path.partition(":")
    screen: Screen[Any] = getattr(importlib.import_module(module), name)()
    return screen


LOADERS = {mode.name: partial(load_screen, mode.screen) for mode in keys.all_modes()}
