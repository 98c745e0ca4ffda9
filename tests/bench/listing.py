"""The list of ten thousand runs: by `gradtop ls`, and in the first frame of the screen that shows one of them."""

from __future__ import annotations

import re
import shutil
import statistics
import time
from collections.abc import Iterator

from gradtop.trainer.record import Run
from tests.bench.figure import Figure
from tests.bench.sandbox import GRADTOP, Sandbox, sandboxed
from tests.bench.server import seconds
from tests.bench.terminal import Terminal
from tests.tui.runs_fixture import fake_run

RUNS = 10_000
TIMES = 5
SETTLED = 3.0  # seconds in which the screen has read all of them
PRESSED = ("j", "j", "k", "\x1b[6~", "\x1b[5~", "\x1b[F", "\x1b[H")


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        fill(sandbox)
        sandbox.gradtop("ls")  # files come into the cache
        listed = [seconds(sandbox, "ls") for _ in range(TIMES)]
        yield Figure(f"gradtop ls of {RUNS:,} runs".replace(",", " "), statistics.median(listed), "s", 1.0, details={"slowest, s": max(listed)})
        opened = [first_list(sandbox) for _ in range(TIMES)]
        yield Figure(f"the list of {RUNS:,} runs on the screen".replace(",", " "), statistics.median(opened), "s", 1.0, details={"slowest, s": max(opened)})
        taken = keys(sandbox)
        yield Figure(f"key to its answer in the list of {RUNS:,} runs".replace(",", " "), statistics.median(taken), "ms", 20, details={"slowest, ms": max(taken)})


def fill(sandbox: Sandbox) -> None:
    """What they recorded is left out: the list does not read it."""
    run, grower = fake_run(sandbox.runs, state="done", steps=100, created=time.time() - 600)
    grower.close()
    shutil.rmtree(run.streams)
    for number in range(1, RUNS):
        copy = Run(sandbox.runs / f"{run.id}-{number}")
        shutil.copytree(run.path, copy.path)


def first_list(sandbox: Sandbox) -> float:
    """No run is alive, so that the screen opens on the list."""
    with Terminal([str(GRADTOP)], env=sandbox.env) as terminal:
        return terminal.wait_for("val loss")


def keys(sandbox: Sandbox) -> list[float]:
    """Milliseconds from a key to the frame in which the cursor stands on another run, once all runs were read."""
    taken = []
    with Terminal([str(GRADTOP)], env=sandbox.env) as terminal:
        terminal.wait_for("val loss")
        terminal.rest(SETTLED)
        for key in PRESSED * TIMES:
            before, begin = under_cursor(terminal), terminal.seconds
            terminal.press(key)
            while under_cursor(terminal) == before and terminal.seconds < begin + 5:
                terminal.read(0.05)
            taken.append(1e3 * (terminal.drawn - begin))
            terminal.rest(0.1)
    return taken


def under_cursor(terminal: Terminal) -> str:
    """The path that the pane below the list names."""
    found = re.search(r"runs/(\S+)", terminal.text)
    return found[1] if found else ""
