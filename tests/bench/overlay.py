"""Twenty runs of a hundred thousand steps over each other: reading them, and from the key to the frame."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from gradtop.trainer.record import Column, Run, SegmentWriter
from gradtop.tui.reading.chart_view import OF_SEVERAL_RUNS, ChartView
from gradtop.tui.reading.overlay import Overlaid, OverlayView
from tests.bench.figure import Figure
from tests.bench.sandbox import GRADTOP, Sandbox, sandboxed
from tests.bench.terminal import Terminal
from tests.tui.runs_fixture import STEPS_PER_EPOCH, fake_run

RUNS, STEPS, TIMES = 20, 100_000, 5
SETTLED = 1.0  # seconds
MARKED = " = [├└ibs]"
OVERLAID = re.compile("other seeds +[0-9].*(?:[\u2801-\u28ff]){3}", re.DOTALL)  # the legend, and a curve


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        runs = long_runs(sandbox.runs)
        for quantity in OF_SEVERAL_RUNS:
            taken = []
            for _ in range(TIMES + 1):
                begin = time.perf_counter()
                overlaid = Overlaid(runs, clock=time.time)
                overlaid.read(OverlayView(ChartView(quantity=quantity)))
                taken.append(time.perf_counter() - begin)
            again = time.perf_counter()
            overlaid.read(OverlayView(ChartView(quantity=quantity)))
            details = {"slowest, s": max(taken[1:]), "read again, s": time.perf_counter() - again}
            yield Figure(f"overlay of {RUNS} runs × {STEPS:,} steps, by {quantity}".replace(",", " ", 1), statistics.median(taken[1:]), "s", 0.5, details=details)
        opened = [first_frame(sandbox) for _ in range(TIMES)]
        yield Figure(f"key to the frame with {RUNS} runs × {STEPS:,} steps".replace(",", " ", 1), statistics.median(opened), "s", 0.5, details={"slowest, s": max(opened)})


def first_frame(sandbox: Sandbox) -> float:
    """Seconds from the key, pressed for the first time in a screen, to the curves."""
    with Terminal([str(GRADTOP)], env=sandbox.env) as terminal:
        terminal.wait_for("val loss")
        terminal.rest(SETTLED)
        terminal.press("mj" * RUNS)
        terminal.wait_for(rf"(?s)(?:{MARKED}.*){{{RUNS}}}")
        terminal.rest(SETTLED)
        begin = terminal.seconds
        terminal.press("v")
        return terminal.wait_for(OVERLAID) - begin


def long_runs(runs: Path) -> list[Run]:
    """Finished runs that differ in the seed alone, so that their mean is computed too."""
    found: list[Run] = []
    for number in range(RUNS):
        parent, changes = (found[0], [("training.seed", 0, number)]) if found else (None, [])
        run, grower = fake_run(
            runs, f"ibis-{number}", steps=STEPS_PER_EPOCH, created=time.time() - 30_000 + number, seed=number, parent=parent, changes=changes
        )
        grower.close()
        for file in run.streams.glob("steps.*"):
            file.unlink()
        writer = SegmentWriter(run, "steps", [Column(name) for name in ("loss", "lr", "grad_norm", "clipped", "samples_per_s")])
        writer.append_many([(step, grower.start + 0.025 * step, 2.3 / (1 + step / 500) + (step * 7919 + number) % 97 / 500, 1e-3, 2.0, 0.0, 12_400.0) for step in range(STEPS)])
        writer.close()
        grower.step = STEPS
        grower.status("done")
        found.append(run)
    return found
