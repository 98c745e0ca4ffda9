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
from tests.tui.runs_fixture import PARAMETERS

WINDOW = 30.0
AGES = 15
PRESSES = 15
# What stands in a mode alone, and in the help alone.
MODES = {"1": "accuracy ─", "2": "formula", "3": "over time", "4": "since the start", "5": "learning rate"}
HELP = "esc closes"
READING = re.compile(r"step +[\d\u202f]+ │")


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
        feed.take_step()
        begin = terminal.seconds
        wanted = f" {feed.loss(feed.step):.2f} "
        while wanted not in terminal.text and terminal.seconds < begin + 5:
            feed.go_on(terminal, 0.01)
        ages.append(terminal.drawn - begin)
    return Figure("live: age of the newest step when it is seen", statistics.median(ages), "s", 0.5, details={"worst, s": max(ages)})


def keys(feed: Feed, terminal: Terminal) -> Figure:
    """From a key to the frame that answers it, while ten steps a second come; every mode has been visited once."""
    taken: dict[str, list[float]] = {"chart": [], "list": [], "mode": [], "help": [], "esc": []}

    def press(kind: str, key: str, words: str = "", *, gone: bool = False) -> None:
        taken[kind].append(answer(feed, terminal, key, words, gone=gone))

    for number, words in [*MODES.items(), ("1", MODES["1"])]:
        press("mode", number, words)
    taken["mode"].clear()
    for turn in range(PRESSES):
        for _ in range(2):
            press("chart", "\x1b[D")
        press("mode", "4", MODES["4"])
        press("list", "j", f"─ {PARAMETERS[1][0]}  ")
        press("list", "k", f"─ {PARAMETERS[0][0]}  ")
        press("mode", "2" if turn % 2 else "5", MODES["2" if turn % 2 else "5"])
        press("help", "?", HELP)
        press("esc", "\x1b", HELP, gone=True)
        answer(feed, terminal, "1", MODES["1"])
    every = [value for values in taken.values() for value in values]
    details = {f"{name}, ms": statistics.median(values) for name, values in taken.items()} | {"95 of 100 keys, ms": quantile(every, 0.95)}
    return Figure("key to its answer, ten steps a second", statistics.median(every), "ms", 20, details=details)


def answer(feed: Feed, terminal: Terminal, key: str, words: str, *, gone: bool = False) -> float:
    """Milliseconds from the key to the frame that holds the words; without any, to another reading of the chart."""
    feed.go_on(terminal, 0.23, every=0.1)
    if not words:  # what stands there now: while steps come it changes by itself too
        stands = READING.search(terminal.text)
        words, gone = (stands[0], True) if stands else (READING.pattern, False)
    begin = terminal.seconds
    terminal.press(key)
    return 1e3 * (terminal.wait_for(words, 5, gone=gone) - begin)
