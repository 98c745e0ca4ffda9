"""A search of ten thousand trials on the screen: until it is shown, and its keys."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator

from gradtop.trainer.record import RunState
from tests.bench.figure import Figure
from tests.bench.sandbox import GRADTOP, Sandbox, sandboxed
from tests.bench.terminal import CHART, Terminal
from tests.tui.runs_fixture import fake_run
from tests.tui.search_fixture import search_run

TRIALS = 10_000
TIMES = 5
SETTLED = 2.0  # seconds in which the overview has come to rest
PRESSED = ("j", "j", "k", "\x1b[6~", "\x1b[5~", "\x1b[F", "\x1b[H")
NAMED = f"{TRIALS:,} trials".replace(",", " ")


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        search = search_run(sandbox.runs, TRIALS, state=RunState.DONE, objectives=2, budget=TRIALS)
        _, grower = fake_run(sandbox.runs, "amber-finch", state="done", steps=400, parent=search)
        grower.close()
        opened = [opening(sandbox) for _ in range(TIMES)]
        yield Figure(f"mode 8 of a search of {NAMED}", statistics.median(opened), "s", 0.5, details={"slowest, s": max(opened)})
        moved, switched = keys(sandbox)
        yield Figure(f"key to its answer among {NAMED}", statistics.median(moved), "ms", 20, details={"slowest, ms": max(moved)})
        yield Figure(f"another plot of {NAMED}", statistics.median(switched), "ms", 20, details={"slowest, ms": max(switched)})


def watching(sandbox: Sandbox) -> Terminal:
    return Terminal([str(GRADTOP), "watch", "amber-finch", "--no-server"], env=sandbox.env)


def opening(sandbox: Sandbox) -> float:
    """Seconds from the key to the frame with the trials, from the Overview of a run of the search."""
    with watching(sandbox) as terminal:
        terminal.wait_for(CHART)
        terminal.rest(SETTLED)
        begin = terminal.seconds
        terminal.press("8")
        terminal.wait_for("PED-ANOVA")
        return terminal.drawn - begin


def keys(sandbox: Sandbox) -> tuple[list[float], list[float]]:
    """Milliseconds from a key to the frame in which the cursor stands on another trial, and to that with another plot."""
    with watching(sandbox) as terminal:
        terminal.wait_for(CHART)
        terminal.press("8")
        terminal.wait_for("PED-ANOVA")
        terminal.rest(SETTLED)
        terminal.press("\x1b[H")
        terminal.rest(0.2)
        moved = [answer(terminal, key, r"\n trial (\d+) ") for key in PRESSED * TIMES]
        switched = [answer(terminal, "v", r"plot: ([a-zP ]+?) [\[f]") for _ in range(4 * TIMES)]
    return moved, switched


def answer(terminal: Terminal, key: str, pattern: str) -> float:
    """Milliseconds until what the pattern finds is another thing than before."""
    before, begin = re.search(pattern, terminal.text), terminal.seconds
    terminal.press(key)
    while terminal.seconds < begin + 5:
        terminal.read(0.05)
        found = re.search(pattern, terminal.text)
        if found is not None and (before is None or found[1] != before[1]):
            break
    took = 1e3 * (terminal.drawn - begin)
    terminal.rest(0.1)
    return took
