"""From exec to the first chart: of a finished run, and of one with a million steps of twenty values."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gradtop.trainer.record import Column, Run, SegmentWriter
from tests.bench.figure import Figure, in_turns, median_ratio
from tests.bench.sandbox import Sandbox, sandboxed
from tests.bench.terminal import CHART, Terminal
from tests.tui.fake_model import planned
from tests.tui.runs_fixture import EPOCHS, STEPS_PER_EPOCH, fake_run

TIMES = 11
STEPS = 1_000_000
AT_ONCE = 10_000
VALUES = ("loss", "lr", "grad_norm", "clipped", "samples_per_s", *(f"extra_{number}" for number in range(15)))


@dataclass(frozen=True)
class Start:
    """One start: seconds from exec to the first chart, of which on the processor, and the most memory, in MB."""

    seconds: float
    cpu: float
    memory: float


def start(open_terminal: Callable[[], Terminal]) -> Start:
    with open_terminal() as terminal:
        seconds = terminal.wait_for(CHART)
        return Start(seconds, terminal.cpu(), terminal.peak_memory())


def measure() -> Iterator[Figure]:
    with sandboxed() as small, sandboxed() as large:
        fake_run(small.runs, state="done", steps=EPOCHS * STEPS_PER_EPOCH, created=time.time() - 600)
        run = long_run(large.runs)
        yield bytes_on_disk(run)
        yield from first_charts(small, large)


def first_charts(small: Sandbox, large: Sandbox) -> Iterator[Figure]:
    # Without a torch server, whose imports would slow down the start that is measured next.
    watched: dict[str, Callable[[], Terminal]] = {name: partial(sandbox.watch, "--no-server") for name, sandbox in (("small", small), ("large", large))}
    small.start_screen_server()
    watched["forked"] = small.watch
    ways = {name: partial(start, way) for name, way in {"minimal": small.minimal, **watched}.items()}
    in_turns(ways, 1)  # files come into the cache, and bytecode is written
    taken = in_turns(ways, TIMES)
    seconds = {name: [each.seconds for each in starts] for name, starts in taken.items()}
    median = {name: statistics.median(values) for name, values in seconds.items()}
    cpu = {name: statistics.median(each.cpu for each in starts) for name, starts in taken.items()}
    memory = {name: statistics.median(each.memory for each in starts) for name, starts in taken.items()}
    reference = f"a minimal Textual app, {median['minimal']:.3f} s"
    ratio = median_ratio(seconds["small"], seconds["minimal"])
    details = {"from exec, s": median["small"], "processor, s": cpu["small"], "of the minimal app, s": cpu["minimal"], "MB": memory["small"]}
    yield Figure("first chart of a finished run", ratio, "×", 1.25, reference=reference, ratio=ratio, details=details)
    ratio = median_ratio(seconds["forked"], seconds["minimal"])
    details = {"from exec, s": median["forked"], "processor, s": cpu["forked"], "MB": memory["forked"]}
    yield Figure("first chart of a finished run, with a screen server", ratio, "×", 0.75, reference=reference, ratio=ratio, details=details)
    ratio = median_ratio(seconds["large"], seconds["minimal"])
    details = {"fastest, s": min(seconds["large"]), "processor, s": cpu["large"], "of the minimal app, s": cpu["minimal"]}
    yield Figure("1 000 000 steps × 20 values: first chart", median["large"], "s", 0.5, reference=reference, ratio=ratio, details=details)
    reference = f"a minimal Textual app, {memory['minimal']:.0f} MB"
    ratio = memory["large"] / memory["minimal"]
    yield Figure("1 000 000 steps × 20 values: peak memory", memory["large"], "MB", 80, reference=reference, ratio=ratio)


def bytes_on_disk(run: Run) -> Figure:
    size = sum(file.stat().st_size for file in run.streams.glob("steps.*"))
    bare = STEPS * len(VALUES) * 8
    return Figure(
        "1 000 000 steps × 20 values: on disk", size / 1e6, "MB", 1.25 * bare / 1e6, reference=f"the values alone, {bare / 1e6:.0f} MB", ratio=size / bare
    )


def long_run(runs: Path) -> Run:
    """A finished run of a million steps."""
    run, grower = fake_run(runs, "long-ibis", steps=0, created=time.time() - 30_000)
    grower.close()
    for file in run.streams.glob("steps.*"):
        file.unlink()
    noise = random.Random(0)
    factors = [math.exp(noise.gauss(0, 0.2)) for _ in range(997)]  # drawing a million by themselves takes longer than writing them
    writer = SegmentWriter(run, "steps", [Column(name) for name in VALUES])
    for begin in range(0, STEPS, AT_ONCE):
        rows = []
        for step in range(begin, begin + AT_ONCE):
            factor = factors[step % 997]
            loss = (2.3 * math.exp(-9 * step / STEPS) + 0.06) * factor
            rows.append((step, grower.start + 0.025 * step, loss, planned(step, STEPS, 1e-3), 2 * factor, 0.0, 12_400.0, *[factor] * 15))
        writer.append_many(rows)
    writer.close()
    grower.step = grower.steps = STEPS
    grower.status("done")
    return run
