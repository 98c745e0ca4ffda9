"""What a screen that is left open keeps: its memory while a run goes on fast and an hour's worth of keys is pressed, as quickly as it answers."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator

from tests.bench.feed import Feed
from tests.bench.figure import Figure
from tests.bench.live import MODES
from tests.bench.sandbox import sandboxed
from tests.bench.terminal import CHART, Terminal

STEPS = 1000.0  # a second
MINUTE = 24 * 60  # keys of somebody who presses 24 a second
MINUTES, SECONDS = 60, 900.0  # of the whole, unless the screen needs longer for them
WARM, SETTLED = 3, 10  # minutes until every mode was seen often, and until every cache is full
IN_A_MODE = 48  # keys
EVERY = MINUTE // 4  # keys between two looks at the memory
# Seconds after a key, after an escape (which with the next key is another one), and for a mode.
AHEAD, ESCAPED, SEEN = 0.004, 0.12, 5.0
# Cursor, windows, smoothing, quantity and axis of the charts, rows of the tables, pages; and once a second one of the dialogs.
PRESSED = ("j", "k", "\x1b[C", "\x1b[D", "+", "-", "[", "]", "0", "w", "t", "Y", "\t")
ESCAPE = "\x1b"
DIALOGS = (("?", ESCAPE), ("\x10", "e", ESCAPE), ("/", "l", ESCAPE), ("L", ESCAPE))  # the help, the palette, a filter, the log


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        feed = Feed(sandbox)
        feed.beat()
        with sandbox.watch("--no-server") as terminal:
            feed.advance(terminal, 3, every=1 / STEPS)
            terminal.wait_for(CHART)
            seen = list(memory(feed, terminal))
        feed.close()
    last, middle = seen[-1][0], seen[-1][0] / 2
    details = {f"after {WARM} minutes, MB": at(seen, WARM), "at half, MB": at(seen, middle), "at the end, MB": seen[-1][1], "minutes of keys": last}
    yield Figure("an open screen, 1 000 steps/s, by 1 440 keys: growth from the third minute to the tenth", slope(seen, WARM, SETTLED), "MB a minute", 0.2)
    yield Figure("the same: growth in the second half of the hour", slope(seen, middle, last), "MB a minute", 0.05, details=details)


def at(seen: list[tuple[float, float]], minute: float) -> float:
    return next((megabytes for when, megabytes in seen if when >= minute), seen[-1][1])


def slope(seen: list[tuple[float, float]], begin: float, end: float) -> float:
    within = [each for each in seen if begin <= each[0] <= end]
    return statistics.linear_regression([when for when, _ in within], [megabytes for _, megabytes in within]).slope


def memory(feed: Feed, terminal: Terminal) -> Iterator[tuple[float, float]]:
    """After so many minutes' worth of keys, resident memory in MB."""
    chance = random.Random(0)
    pressed = looked = turn = 0
    until = time.monotonic() + SECONDS
    while pressed < MINUTES * MINUTE and time.monotonic() < until:
        if pressed >= looked:
            looked += EVERY
            yield pressed / MINUTE, terminal.memory()
        keys = chance.choices(PRESSED, k=IN_A_MODE)
        for _ in range(2):
            dialog, place = chance.choice(DIALOGS), chance.randrange(IN_A_MODE)
            keys[place : place + len(dialog)] = dialog
        mode, words = list(MODES.items())[turn % len(MODES)]
        turn += 1
        for each in (ESCAPE, mode):  # out of whatever asks for a text
            terminal.press(each)
            feed.advance(terminal, ESCAPED, every=1 / STEPS)
        seen = time.monotonic() + SEEN  # a toast may lie over the words
        while words not in terminal.text and time.monotonic() < seen:
            feed.advance(terminal, AHEAD, every=1 / STEPS)
        for key in keys:
            terminal.press(key)
            feed.advance(terminal, ESCAPED if key == ESCAPE else AHEAD, every=1 / STEPS)
        pressed += len(keys) + 2
    yield pressed / MINUTE, terminal.memory()
