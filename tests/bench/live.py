"""What an open screen costs while a run goes on, how old what it shows is, and how soon it answers a key."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping
from operator import attrgetter

from tests.bench.beside import Beside, Training
from tests.bench.feed import Feed
from tests.bench.figure import Figure, quantile
from tests.bench.sandbox import sandboxed
from tests.bench.terminal import CHART, Terminal, Used
from tests.tui.fake_model import PARAMETERS

WINDOW = 8.0  # seconds in each mode
TURN, TURNS = 1.5, 8  # seconds, how often, with the screen stopped and going on; in each mode
SETTLED = 2.0  # seconds after a mode was opened
QUIET = 30.0
RATES = (1, 100, 1000)
OLD = 800_000
CPU, BYTES, LEFT = 2.5, 2000.0, 0.97
SLOW_CPU, SLOW_BYTES = 1.5, 600.0  # at one step a second
AGES = 15
PRESSES = 15
LEFT_KEY, RIGHT_KEY = "\x1b[D", "\x1b[C"
AWAY = 4  # columns from the newest end before the keys are timed
# What stands in a mode alone, and in the help alone.
MODES = {
    "1": "accuracy ─", "2": "formula", "3": "over time", "4": "since the start", "5": "learning rate ─", "6": "what will change", "7": "changed against",
    "M": "all metrics", "9": "its host",
}
VISITED = ("1", "2", "3", "4", "5", "1")  # by the keys
HELP = "esc closes"
BEHIND = r"(?= [─ │]|, mean)"
READING = re.compile(rf"steps? [\d\u202f–]+{BEHIND}")  # of the cursor; behind the end of an axis stands no space


def measure() -> Iterator[Figure]:
    yield from beside("a digits CNN", "digits.toml")
    yield from beside("a digits MLP", "digits_mlp.toml")
    for rate in RATES:
        yield from fed(f"{rate:,} steps/s".replace(",", " "), rate, 0, cpu=SLOW_CPU if rate == 1 else CPU, bytes_=SLOW_BYTES if rate == 1 else BYTES)
    yield from fed("an old run, 100 steps/s", 100, OLD, cpu=CPU, bytes_=BYTES)
    with sandboxed() as sandbox:
        feed = Feed(sandbox)
        feed.beat()
        with sandbox.watch("--no-server") as terminal:
            terminal.wait_for(CHART)
            yield age(feed, terminal)
            yield from idle(feed, terminal)
            yield from keys(feed, terminal)
        feed.close()


def beside(name: str, config: str) -> Iterator[Figure]:
    """In each mode, from the first minute of a real training on: what the screen takes, and what is left to the training."""
    with sandboxed() as sandbox:
        training = Training(sandbox, config)
        with sandbox.watch("--no-server") as terminal:
            terminal.wait_for(CHART)
            found: dict[str, Beside] = {}
            for mode, words in MODES.items():
                terminal.press(mode)
                terminal.wait_for(words)
                terminal.rest(SETTLED)
                found[mode] = training.beside(terminal, TURN, TURNS)
            yield from shares(f"beside {name}", {mode: each.used for mode, each in found.items()}, CPU, BYTES)
            alone, kept = ([pace for each in found.values() for pace in paces(each)] for paces in (attrgetter("alone"), attrgetter("beside")))
            both = Beside(alone, kept, sum((each.used for each in found.values()), Used()))
            # Of one mode alone the machine's own unrest is more than what is looked for.
            details = {f"mode {mode}": each.ratio for mode, each in found.items()} | {"±": both.noise, "alone, steps/s": statistics.median(alone)}
            yield Figure(f"beside {name}: pace left to it", both.ratio, "×", LEFT, at_least=True, details=details)


def fed(name: str, rate: float, steps: int, *, cpu: float, bytes_: float) -> Iterator[Figure]:
    """In each mode while a run goes on at a rate, with a hundred values a step."""
    with sandboxed() as sandbox:
        feed = Feed(sandbox, steps=steps)
        feed.beat()
        with sandbox.watch("--no-server") as terminal:
            feed.advance(terminal, 3, every=1 / rate)
            used: dict[str, Used] = {}
            for mode, words in MODES.items():
                terminal.press(mode)
                terminal.wait_for(words)
                feed.advance(terminal, 2, every=1 / rate)
                used[mode] = window(feed, terminal, WINDOW, 1 / rate)
            yield from shares(name, used, cpu, bytes_)
        feed.close()


def window(feed: Feed, terminal: Terminal, seconds: float, every: float) -> Used:
    before = terminal.used()
    feed.advance(terminal, seconds, every=every)
    return terminal.used() - before


def shares(name: str, used: Mapping[str, Used], cpu: float, bytes_: float) -> Iterator[Figure]:
    """The mode that takes the most, and beside it each."""
    wakes = max(each.wake_rate for each in used.values())
    by_mode = {f"mode {mode}": each.percent for mode, each in used.items()} | {"wake-ups/s at most": wakes}
    yield Figure(f"{name}: processor", max(each.percent for each in used.values()), "%", cpu, details=by_mode)
    by_mode = {f"mode {mode}": each.rate for mode, each in used.items()}
    yield Figure(f"{name}: to the terminal", max(each.rate for each in used.values()), "B/s", bytes_, details=by_mode)


def idle(feed: Feed, terminal: Terminal) -> Iterator[Figure]:
    feed.advance(terminal, 12)
    used = window(feed, terminal, QUIET, 0.0)
    yield Figure("alive and nothing new: processor", used.percent, "%", 0.5, details={"wake-ups/s": used.wake_rate})
    yield Figure("alive and nothing new: to the terminal", used.rate, "B/s", 10)


def age(feed: Feed, terminal: Terminal) -> Figure:
    """From the moment a step is recorded to the frame that shows its loss."""
    ages = []
    for turn in range(AGES):
        feed.advance(terminal, 0.7 + 0.05 * (turn % 8))
        feed.take_step()
        begin = terminal.seconds
        wanted = f" {feed.loss(feed.step):.2f} "
        while wanted not in terminal.text and terminal.seconds < begin + 5:
            feed.advance(terminal, 0.01)
        ages.append(terminal.drawn - begin)
    return Figure("live: age of the newest step when it is seen", statistics.median(ages), "s", 0.5, details={"worst, s": max(ages)})


def keys(feed: Feed, terminal: Terminal) -> Iterator[Figure]:
    """From a key to the frame that answers it, while ten steps a second come; every mode has been visited once."""
    taken: dict[str, list[float]] = {"chart": [], "list": [], "mode": [], "help": [], "esc": []}

    def press(kind: str, key: str, words: str = "", *, gone: bool = False) -> None:
        taken[kind].append(answer(feed, terminal, key, words, gone=gone))

    for number in VISITED:
        press("mode", number, MODES[number])
    taken["mode"].clear()
    for _ in range(AWAY):
        answer(feed, terminal, LEFT_KEY, "")
    for turn in range(PRESSES):
        for _ in range(2):  # to and fro, as the chart of a young run has few columns
            press("chart", RIGHT_KEY if turn % 2 else LEFT_KEY)
        press("mode", "4", MODES["4"])
        press("list", "j", f"─ {PARAMETERS[1][0]}  ")
        press("list", "k", f"─ {PARAMETERS[0][0]}  ")
        press("mode", "2" if turn % 2 else "5", MODES["2" if turn % 2 else "5"])
        press("help", "?", HELP)
        press("esc", "\x1b", HELP, gone=True)
        answer(feed, terminal, "1", MODES["1"])
    every = [value for values in taken.values() for value in values]
    details = {f"{name}, ms": statistics.median(values) for name, values in taken.items()} | {"95 of 100 keys, ms": quantile(every, 0.95)}
    yield Figure("key to its answer, ten steps a second", statistics.median(every), "ms", 10, details=details)
    yield Figure("key to its answer in a list", statistics.median(taken["list"]), "ms", 12)
    yield Figure("escape to its answer", statistics.median(taken["esc"]), "ms", 40, details={"slowest, ms": max(taken["esc"])})


def answer(feed: Feed, terminal: Terminal, key: str, words: str, *, gone: bool = False) -> float:
    """Milliseconds from the key to the frame that holds the words; without any, to another reading of the chart."""
    feed.advance(terminal, 0.23, every=0.1)
    wanted: re.Pattern[str] | str = words
    if not words:  # what stands there now: while steps come it changes by itself too
        stands = READING.search(terminal.text)
        # With what follows it, as the header names the newest step too.
        wanted, gone = (re.compile(re.escape(stands[0]) + BEHIND), True) if stands else (READING, False)
    begin = terminal.seconds
    terminal.press(key)
    return 1e3 * (terminal.wait_for(wanted, 5, gone=gone) - begin)
