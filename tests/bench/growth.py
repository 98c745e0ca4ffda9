"""What a screen that is left open keeps: its memory while a run goes on fast and keys are pressed without a pause."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator

from tests.bench.feed import Feed
from tests.bench.figure import Figure
from tests.bench.live import MODES
from tests.bench.sandbox import sandboxed
from tests.bench.terminal import CHART, Terminal

STEPS, KEYS = 1000.0, 24  # a second
IN_A_MODE = 2  # seconds
SECONDS, SETTLED = 600, 180  # of the whole, and until every mode was seen often and every cache is full
EVERY = 10  # seconds between two looks at the memory
# Cursor, windows, smoothing, quantity and axis of the charts, rows of the tables, pages; and once a second one of the dialogs.
PRESSED = ("j", "k", "\x1b[C", "\x1b[D", "+", "-", "[", "]", "0", "w", "t", "Y", "\t")
DIALOGS = (("?", "\x1b"), ("\x10", "e", "\x1b"), ("/", "l", "\x1b"), ("L", "\x1b"))  # the help, the palette, a filter, the log


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        feed = Feed(sandbox)
        feed.beat()
        with sandbox.watch("--no-server") as terminal:
            feed.advance(terminal, 3, every=1 / STEPS)
            terminal.wait_for(CHART)
            megabytes = list(memory(feed, terminal))
        feed.close()
    settled = megabytes[SETTLED // EVERY :]
    minutes = [EVERY * number / 60 for number in range(len(settled))]
    slope = statistics.linear_regression(minutes, settled).slope
    details = {"after 3 minutes, MB": settled[0], "at the end, MB": settled[-1], "most, MB": max(megabytes)}
    yield Figure("an open screen, 1 000 steps/s and 24 keys/s: growth", slope, "MB a minute", 0.2, details=details)


def memory(feed: Feed, terminal: Terminal) -> Iterator[float]:
    """Resident memory in MB, every so often."""
    chance = random.Random(0)
    for second in range(SECONDS):
        if second % EVERY == 0:
            yield terminal.memory()
        if second % IN_A_MODE == 0:
            terminal.press(list(MODES)[second // IN_A_MODE % len(MODES)])
        keys = chance.choices(PRESSED, k=KEYS)
        dialog, place = chance.choice(DIALOGS), chance.randrange(KEYS)
        keys[place : place + len(dialog)] = dialog
        for pressed in keys:
            terminal.press(pressed)
            feed.advance(terminal, 1 / KEYS, every=1 / STEPS)
