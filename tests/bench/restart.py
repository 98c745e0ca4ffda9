"""From the key that starts an edited run to that run's first step."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.figure import Figure
from tests.bench.place import GRADTOP, Place, a_place
from tests.bench.terminal import Terminal
from tests.support import wait_until
from trainer.config import Config, dump_config, load_config
from trainer.record import Run, StreamReader, is_alive, list_runs, new_run, read_status, send

TIMES = 3
CONFIG = Path(__file__).parents[2] / "configs" / "digits.toml"
QUIET = 1.0  # a standby that has not used the processor for so long is ready


def measure() -> Iterator[Figure]:
    with a_place() as place:
        config = load_config(CONFIG)
        warm = [from_the_screen(place, config) for _ in range(TIMES)]
        cold = [from_the_screen(place, config, "--no-standby") for _ in range(TIMES)]
        alone = [from_the_command(place) for _ in range(TIMES)]
    median = statistics.median(warm)
    reference = f"a cold start from the screen, {statistics.median(cold):.2f} s"
    details = {"slowest, s": max(warm), "gradtop rerun --detach, s": statistics.median(alone)}
    ratio = median / statistics.median(cold)
    yield Figure("edit to the first step of the new run", median, "s", 0.5, reference=reference, ratio=ratio, details=details)


def from_the_screen(place: Place, config: Config, *options: str) -> float:
    """Type another learning rate into the form, press ctrl+s; seconds from there to the first step."""
    new_run(place.runs, dump_config(config), {})
    before = set(list_runs(place.runs))
    with place.watch(*options) as screen:
        screen.wait_for("Overview")
        if not options:
            wait_for_standby(screen)
        screen.press("6")
        screen.wait_for("optimizer.lr ─")  # the form opens on it
        screen.press("\r")
        screen.rest(0.3)
        screen.press("\x15\x0b0.003\r")
        screen.wait_for("0.003|3e-3")
        screen.rest(0.5)
        screen.press("\x13")
        begin = time.time()
        run = wait_until(lambda: next(iter(set(list_runs(place.runs)) - before), None), why="the new run", interval=0.01)
        seconds = first_step(run) - begin
        end(run)
    return seconds


def from_the_command(place: Place) -> float:
    """A new run from the command line, without any screen."""
    before = set(list_runs(place.runs))
    begin = time.time()
    command = [str(GRADTOP), "rerun", "last", "optimizer.lr=0.002", "--detach", "--runs", str(place.runs)]
    subprocess.run(command, check=True, capture_output=True)
    (run,) = set(list_runs(place.runs)) - before
    seconds = first_step(run) - begin
    end(run)
    return seconds


def first_step(run: Run) -> float:
    """When the worker did it, by its own clock, which is this one."""
    steps = StreamReader(run, "steps")

    def first() -> float | None:
        steps.refresh()
        return next((row[1] for row in steps.rows()), None)

    return wait_until(first, timeout=120, why="the first step")


def end(run: Run) -> None:
    send(run, "kill")
    wait_until(lambda: not is_alive(read_status(run)), why="the end of the worker")


def wait_for_standby(screen: Terminal) -> None:
    """Wait until some process that the screen started has imported PyTorch and rests."""
    since = begin = time.monotonic()
    used = -1.0
    while time.monotonic() < since + QUIET:
        assert time.monotonic() < begin + 120, "the standby does not get ready"
        screen.rest(0.1)
        found = standbys(screen.process.pid)
        now = sum(sum(worker.cpu_times()[:2]) for worker in found)
        # One that waits for a processor does not use any either: it runs only where nobody else wants to.
        if now != used or not found or any(worker.status() != psutil.STATUS_SLEEPING for worker in found):
            since, used = time.monotonic(), now


def standbys(screen: int) -> list[psutil.Process]:
    """A standby is nobody's child; it is told by the pipe that it shares with the screen."""
    pipes = open_pipes(screen)
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "--standby" in words and pipes & open_pipes(process.pid):
            found.append(process)
    return found


def open_pipes(pid: int) -> set[str]:
    found = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = descriptor.readlink().name
            if target.startswith("pipe:"):
                found.add(target)
    except OSError:
        return found
    return found
