"""Screens of the modes, imported when a mode is first opened; and what takes long to import, ahead of that."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from textual.screen import Screen

from gradtop.tui import keys
from gradtop.tui.reading.cores import IdleCores
from gradtop.tui.reading.poll import SHARE, SPARE

BETWEEN_IMPORTS = 0.15  # seconds: for the keys that come meanwhile, and to see whether a core is idle
START = 0.5  # seconds of a processor that a start may take
SHARE_AHEAD = SHARE / 6  # of one core, where a training wants them: nobody waits for it
# What Tune needs to check anything, and the command palette, in pieces of a fiftieth of a second, which no key and no share is spoilt by. No other mode takes a tenth of a second.
SLOW = (
    "gradtop.tui.screens.tune.screen", "pydantic_core", "annotated_types", "pydantic.json_schema", "pydantic.types", "pydantic.main",
    "gradtop.trainer.declare", "gradtop.trainer.models.kinds.cnn", "gradtop.trainer.models.init_config", "gradtop.trainer.data.kinds.digits",
    "gradtop.trainer.optim.optimizers.adamw", "gradtop.trainer.optim.schedules.cosine", "gradtop.trainer.config",
    "gradtop.tui.screens.tune.draft", "gradtop.tui.framework.palette",
)  # fmt: skip


def import_ahead(wait: Callable[[float], bool], idle_cores: Callable[[], float] | None = None) -> None:
    """Import what would delay the first visit of Tune, the first key there, and the palette, until `wait` for so many seconds says that the app has ended.

    Where a training wants the cores, so slowly that it feels nothing of it, and not before the start of the screen is made up for.
    """
    if idle_cores is None:
        idle_cores = IdleCores()
    rest = min(START, time.process_time()) / SHARE
    for name in SLOW:
        if wait(BETWEEN_IMPORTS) or (idle_cores() < SPARE and wait(rest)):
            return
        begin = time.thread_time()
        importlib.import_module(name)
        rest = (time.thread_time() - begin) / SHARE_AHEAD


def load_screen(path: str) -> Screen[Any]:
    """Import a mode's screen on its first visit."""
    module, _, name = path.partition(":")
    screen: Screen[Any] = getattr(importlib.import_module(module), name)()
    return screen


LOADERS = {mode.name: partial(load_screen, mode.screen) for mode in keys.all_modes()}
