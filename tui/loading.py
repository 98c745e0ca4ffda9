"""Screens of the modes, imported when a mode is first opened or, after the first frame, in the background."""

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
# What Tune needs to show anything, in pieces: a quarter of a second.
OF_TUNE = ("pydantic_core", "pydantic", "gradtop.trainer.config", "gradtop.tui.screens.tune.draft")


def import_screens() -> None:
    """Import the modes that were not opened yet, so that each opens at once; a while after the first frame, which waits for none of it.

    Where a training wants the cores, so slowly that it feels nothing of it.
    """
    idle_cores, cancelled = IdleCores(), get_current_worker().cancelled_event
    for name in (*(mode.screen.partition(":")[0] for mode in keys.MODES), *OF_TUNE):
        begin = time.thread_time()
        importlib.import_module(name)
        spent = time.thread_time() - begin
        if cancelled.wait(BETWEEN_IMPORTS if idle_cores() >= SPARE else max(BETWEEN_IMPORTS, spent / SHARE)):
            return


def load_screen(path: str) -> Screen[Any]:
    """Import a mode's screen on its first visit."""
    module, _, name = path.partition(":")
    screen: Screen[Any] = getattr(importlib.import_module(module), name)()
    return screen


LOADERS = {mode.name: partial(load_screen, mode.screen) for mode in keys.all_modes()}
