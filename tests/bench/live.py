"""What an open screen costs while a run goes on, how old what it shows is, and how soon it answers a key."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator

from tests.bench.feed import Feed
from tests.bench.figure import Figure, quantile
from tests.bench.place import a_place
from tests.bench.terminal import CHART, Terminal

WINDOW = 30.0
AGES = 15
PRESSES = 30
MODES = {"1": "gradient norm", "2": "formula", "3": "over time", "4": "since the start", "5": "learning rate"}
BLANK = re.compile(r"\x1b\[[0-9;]*m")


def measure() -> Iterator[Figure]:
    with a_place() as place:
        feed = Feed(place)
        feed.beat()
        with place.watch("--no-standby") as terminal:
            terminal.wait_for(CHART)
            feed.go_on(terminal, 3, every=1)
            yield from live(feed, terminal)
            yield age(feed, terminal)
            yield from idle(feed, terminal)
            yield keys(feed, terminal)
        feed.close()


def window(feed: Feed, terminal: Terminal, every: float) -> tuple[float, float]:
    """Percent of one core, and bytes a second to the terminal."""
    cpu, written, begin = terminal.cpu(), terminal.bytes, time.monotonic()
    feed.go_on(terminal, WINDOW, every=every)
    passed = time.monotonic() - begin
    return 100 * (terminal.cpu() - cpu) / passed, (terminal.bytes - written) / passed


def live(feed: Feed, terminal: Terminal) -> Iterator[Figure]:
    cpu, rate = window(feed, terminal, 1.0)
    yield Figure("live, 100 values a step, 1 step/s: processor", cpu, "%", 4)
    yield Figure("live, 100 values a step, 1 step/s: to the terminal", rate, "B/s", 1500)


def idle(feed: Feed, terminal: Terminal) -> Iterator[Figure]:
    feed.go_on(terminal, 12)
    cpu, rate = window(feed, terminal, 0.0)
    yield Figure("alive and nothing new: processor", cpu, "%", 1)
    yield Figure("alive and nothing new: to the terminal", rate, "B/s", 50)


def age(feed: Feed, terminal: Terminal) -> Figure:
    """From the moment a step is recorded to the frame that shows its loss."""
    ages = []
    for turn in range(AGES):
        feed.go_on(terminal, 0.7 + 0.05 * (turn % 8))
        terminal.forget()
        feed.take_step()
        begin = time.monotonic()
        wanted = f"{feed.loss(feed.step):.2f}"
        while wanted not in BLANK.sub("", terminal.text) and time.monotonic() < begin + 5:
            feed.go_on(terminal, 0.01)
        ages.append(time.monotonic() - begin)
    return Figure("live: age of the newest step when it is seen", statistics.median(ages), "s", 0.5, details={"worst, s": max(ages)})


def keys(feed: Feed, terminal: Terminal) -> Figure:
    """From a key to the frame that answers it, while ten steps a second come; every mode has been visited once."""
    for key, words in [*MODES.items(), ("1", MODES["1"])]:
        answer(feed, terminal, key, words)
    taken: dict[str, list[float]] = {"mode": [], "cursor": [], "help": []}
    for turn in range(PRESSES):
        for key in "2345"[turn % 4], "1":
            taken["mode"].append(answer(feed, terminal, key, MODES[key]))
        taken["help"].append(answer(feed, terminal, "?", "everywhere"))
        answer(feed, terminal, "\x1b", MODES["1"])
        taken["cursor"].append(answer(feed, terminal, "\x1b[D", "step"))
    every = [value for values in taken.values() for value in values]
    details = {f"{name}, ms": statistics.median(values) for name, values in taken.items()} | {"95 of 100 keys, ms": quantile(every, 0.95)}
    return Figure("key to its answer, ten steps a second", statistics.median(every), "ms", 20, details=details)


def answer(feed: Feed, terminal: Terminal, key: str, words: str) -> float:
    """Milliseconds from the key to the frame that holds the words."""
    feed.go_on(terminal, 0.23, every=0.1)
    terminal.press(key)
    begin = time.monotonic()
    while words not in BLANK.sub("", terminal.text):
        if time.monotonic() > begin + 5:
            raise AssertionError(f"{key!r} brought no {words!r}; drawn: {terminal.text[-2000:]!r}")
        terminal.read(0.02)
    return 1e3 * (terminal.drawn - begin_seconds(terminal, begin))


def begin_seconds(terminal: Terminal, begin: float) -> float:
    return terminal.seconds - (time.monotonic() - begin)
