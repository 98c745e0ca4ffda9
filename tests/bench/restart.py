"""From the key that starts or forks an edited run to that run's first step, and from a live change to its effect."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from math import isclose
from pathlib import Path

from gradtop.trainer.config import Config, dump_config, load_config
from gradtop.trainer.record import Run, StreamReader, is_alive, list_runs, new_run, read_meta, read_status, send
from gradtop.trainer.record.streams.registry import LR
from tests.bench.figure import Figure
from tests.bench.sandbox import Sandbox, sandboxed
from tests.support import wait_until

TIMES = 3
EDITS = 20
CHANGES = 21
CONFIG = Path(__file__).parents[2] / "configs" / "digits.toml"


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        config = load_config(CONFIG)
        warm = [from_the_screen(sandbox, config) for _ in range(EDITS)]
        cold = [from_the_screen(sandbox, config, "--no-server") for _ in range(TIMES)]
        alone = [from_the_command(sandbox) for _ in range(TIMES)]
    reference = f"a cold start from the screen, {statistics.median(cold):.2f} s"
    median = statistics.median(warm)
    yield Figure("edit to the first step of the new run", median, "s", 0.15, reference=reference, ratio=median / statistics.median(cold))
    yield Figure(f"edit to the first step, worst of {EDITS}", max(warm), "s", 0.3)
    yield Figure("gradtop rerun --detach to the first step", statistics.median(alone), "s", 0.6, details={"slowest, s": max(alone)})
    with sandboxed() as sandbox:
        half_trained(sandbox)
        # Each is forked from the one before, and must differ from it.
        forks = [from_the_screen(sandbox, thousandths=3 + number) for number in range(TIMES)]
    median = statistics.median(forks)
    ratio = median / statistics.median(cold)
    yield Figure("fork to its first step", median, "s", 0.2, reference=reference, ratio=ratio, details={"slowest, s": max(forks)})
    with sandboxed() as sandbox:
        yield live_change(sandbox)


def live_change(sandbox: Sandbox) -> Figure:
    """Learning rates sent to a running worker one by one; seconds to the end of the first step with each, less that step."""
    run = train(sandbox, "training.epochs=1000")
    first_step(run)
    steps = StreamReader(run, "steps")
    taken: list[float] = []
    for number in range(CHANGES):
        lr = 1e-3 * (1 + number % 2)
        send(run, "set", changes={"optimizer.lr": lr, "schedule.kind": "constant"} if not number else {"optimizer.lr": lr})
        sent = time.time()
        taken.append(wait_until(partial(first_with, steps, lr, sent), timeout=30, why="the effect", interval=0.05) - sent)
    times = [row[1] for row in steps.rows()]
    end(run)
    step = statistics.median(after - before for before, after in pairwise(times))
    details = {"slowest, s": max(taken) - step, "a step, ms": 1e3 * step}
    return Figure("live change to its effect, less a step", statistics.median(taken) - step, "s", 0.1, details=details)


def first_with(steps: StreamReader, lr: float, sent: float) -> float | None:
    steps.refresh()
    place = 2 + [column.name for column in steps.columns].index(LR) if steps.columns else 0  # after step and time
    # A stream holds its numbers in half their digits.
    return next((row[1] for row in steps.rows() if row[1] > sent and isclose(row[place], lr, rel_tol=1e-6)), None)


def train(sandbox: Sandbox, *changes: str) -> Run:
    sandbox.gradtop("train", str(CONFIG), *changes, "--detach")
    (run,) = list_runs(sandbox.runs)
    return run


def half_trained(sandbox: Sandbox) -> None:
    """A run that was stopped in the middle, with a checkpoint."""
    run = train(sandbox)
    first_step(run)
    send(run, "stop")
    wait_until(lambda: not is_alive(read_status(run)), why="the end of the worker")


def from_the_screen(sandbox: Sandbox, config: Config | None = None, *options: str, thousandths: int = 3) -> float:
    """Type another learning rate into the form, press ctrl+s; seconds from there to the first step.

    Of a run of `config` that has not begun, or without it of the newest run, which is then forked.
    """
    if config is not None:
        new_run(sandbox.runs, dump_config(config), {})
    before = set(list_runs(sandbox.runs))
    with sandbox.watch(*options) as screen:
        screen.wait_for("Overview")
        if not options:
            wait_until(sandbox.server_is_ready, 120, "the torch server")
        screen.press("6")
        screen.wait_for("optimizer.lr ─")  # the form opens on it
        screen.press("\r")
        screen.rest(0.3)
        screen.press(f"\x15\x0b0.00{thousandths}\r")
        screen.wait_for(f"{thousandths}e-3")
        screen.rest(0.5)
        screen.press("\x13")
        begin = time.time()
        run = wait_until(lambda: next(iter(set(list_runs(sandbox.runs)) - before), None), why="the new run", interval=0.01)
        seconds = first_step(run) - begin
        end(run)
    assert bool(read_meta(run).parent_checkpoint) == (config is None)
    return seconds


def from_the_command(sandbox: Sandbox) -> float:
    """A new run from the command line, without any screen."""
    before = set(list_runs(sandbox.runs))
    begin = time.time()
    sandbox.gradtop("rerun", "last", "optimizer.lr=0.002", "--detach")
    (run,) = set(list_runs(sandbox.runs)) - before
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
