"""What it costs a training step to record twenty values."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from functools import partial

from tensorboardX import SummaryWriter

from gradtop.trainer.record import Column, StreamWriter, new_run
from tests.bench.figure import Figure, in_turns, median_ratio
from tests.bench.sandbox import sandboxed

TIMES = 21
RECORDS = 500
NAMES = tuple(f"value_{number}" for number in range(20))
VALUES = tuple(0.1 * number for number in range(20))


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        writer = StreamWriter(new_run(sandbox.runs, "", {}))
        writer.open("steps", [Column(name) for name in NAMES])
        board = SummaryWriter(str(sandbox.folder / "board"))
        taken = in_turns({"ours": partial(record, writer), "theirs": partial(add_scalars, board)}, TIMES)
        dropped = writer.dropped
        writer.close()
        board.close()
    assert not dropped
    ours, theirs = ([each[0] for each in taken[name]] for name in ("ours", "theirs"))
    whole = statistics.median(each[1] for each in taken["ours"])
    reference = f"tensorboardX add_scalar × 20, {statistics.median(theirs):.0f} µs"
    details = {"with the writing thread, µs of processor": whole}
    yield Figure("log 20 scalars", statistics.median(ours), "µs", 10, reference=reference, ratio=median_ratio(ours, theirs), details=details)


def record(writer: StreamWriter) -> tuple[float, float]:
    """Microseconds for each call, and of the processor until all is written."""
    cpu, begin = time.process_time(), time.perf_counter()
    for step in range(RECORDS):
        writer.put("steps", step, begin, VALUES)
    called = time.perf_counter() - begin
    writer.flush()
    return 1e6 * called / RECORDS, 1e6 * (time.process_time() - cpu) / RECORDS


def add_scalars(board: SummaryWriter) -> tuple[float, float]:
    cpu, begin = time.process_time(), time.perf_counter()
    for step in range(RECORDS):
        for name, value in zip(NAMES, VALUES, strict=True):
            board.add_scalar(name, value, step)
    called = time.perf_counter() - begin
    board.flush()
    return 1e6 * called / RECORDS, 1e6 * (time.process_time() - cpu) / RECORDS
