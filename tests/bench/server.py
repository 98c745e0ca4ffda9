"""What the torch server gives: how soon counts and plans are there, what an opened screen costs a training, and its memory."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from gradtop.trainer.record import Run, StreamReader, list_runs, read_status
from tests.bench.figure import Figure, standard_error
from tests.bench.restart import CONFIG, end, first_step, train
from tests.bench.sandbox import GRADTOP, Sandbox, sandboxed
from tests.bench.terminal import Terminal
from tests.support import wait_until

TIMES = 5
TURNS = 8  # fewer tell no two hundredths apart
BESIDE = 15.0  # seconds after a screen opens
MODES = "2345671"
LONG = "training.epochs=20000"


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        sandbox.gradtop("params", str(CONFIG))
        yield from soon(sandbox)
    yield from beside()
    yield memory()


def soon(sandbox: Sandbox) -> Iterator[Figure]:
    for command in ("params", "schedule"):
        taken = [seconds(sandbox, command, str(CONFIG)) for _ in range(TIMES)]
        yield Figure(f"gradtop {command}, server warm", statistics.median(taken), "s", 0.2, details={"slowest, s": max(taken)})


def seconds(sandbox: Sandbox, *words: str) -> float:
    begin = time.monotonic()
    sandbox.gradtop(*words)
    return time.monotonic() - begin


def beside() -> Iterator[Figure]:
    """Steps in the 15 s after a screen opens, against those of as many seconds without one, in turns; and after the smallest app of Textual's opens."""
    for name, keys, limit in (("a screen opens", "", 0.98), ("every mode is visited", MODES, 0.97)):
        with sandboxed() as sandbox:
            run = train_from_a_terminal(sandbox)
            first_step(run)
            waited = Waited(read_status(run).pid)
            alone, watched, smallest = [steps_in(run, BESIDE)], [], []
            waited.to("alone")
            for _ in range(TURNS):
                watched.append(with_a_screen(sandbox.watch(), run, keys))
                waited.to("beside ours")
                alone.append(steps_in(run, BESIDE))
                waited.to("alone")
                smallest.append(with_a_screen(sandbox.minimal(), run, ""))
                waited.to("beside the smallest")
                alone.append(steps_in(run, BESIDE))
                waited.to("alone")
            end(run)
        # Each turn against the mean of those before and after it: a machine's pace drifts.
        ours, theirs = ratios(watched, alone[::2], alone[1::2]), ratios(smallest, alone[1::2], alone[2::2])
        reference = f"alone, {statistics.median(alone) / BESIDE:.0f} steps/s"
        mean = statistics.mean(ours)
        details = {"±": standard_error(ours), "lowest, ×": min(ours)}
        details |= {"beside the smallest app of Textual's, ×": statistics.mean(theirs), "of it ±": standard_error(theirs)}
        details |= {f"its threads waited for a core {when}, s": statistics.mean(seconds) for when, seconds in waited.found.items()}
        yield Figure(f"training in the 15 s after {name}", mean, "×", limit, at_least=True, reference=reference, ratio=mean, details=details)


def train_from_a_terminal(sandbox: Sandbox) -> Run:
    """As a user does, who finds a screen server afterwards."""
    with Terminal([str(GRADTOP), "train", str(CONFIG), LONG, "--detach"], env=sandbox.env) as terminal:
        terminal.wait_for("watch: gradtop watch")
    wait_until(sandbox.screens_are_ready, 60, "the screen server")
    (run,) = list_runs(sandbox.runs)
    return run


class Waited:
    """How long the threads of a process, all together, were ready to go on and had no core: what others take from it, which varies less than its pace."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._before = self._read()
        self.found: dict[str, list[float]] = {}

    def to(self, name: str) -> None:
        """Since the last call."""
        before, self._before = self._before, self._read()
        self.found.setdefault(name, []).append(self._before - before)

    def _read(self) -> float:
        """Seconds, of threads that go on. (Documentation/scheduler/sched-stats.rst of Linux)"""
        nanoseconds = 0
        for task in self._tasks.iterdir():
            with contextlib.suppress(OSError):  # a thread that has just ended
                nanoseconds += int((task / "schedstat").read_text().split()[1])
        return nanoseconds / 1e9


def ratios(found: Sequence[int], before: Sequence[int], after: Sequence[int]) -> list[float]:
    return [each / ((one + other) / 2) for each, one, other in zip(found, before, after, strict=False)]


def steps_in(run: Run, duration: float) -> int:
    before = steps_of(run)
    time.sleep(duration)
    return steps_of(run) - before


def with_a_screen(terminal: Terminal, run: Run, keys: str) -> int:
    before, until = steps_of(run), time.monotonic() + BESIDE
    with terminal as screen:
        for key in keys:
            screen.rest(1.5)
            screen.press(key)
        screen.rest(until - time.monotonic())
        return steps_of(run) - before


def steps_of(run: Run) -> int:
    reader = StreamReader(run, "steps")
    reader.refresh()
    last = reader.last()
    return int(last["step"]) if last is not None else 0


def memory() -> Figure:
    """Of server and worker, each page counted once, against that of a worker that imported PyTorch itself."""
    with sandboxed() as sandbox:
        forked = resident(train(sandbox, LONG))
    with sandboxed() as sandbox:
        alone = resident(train(sandbox, LONG, "--no-server"))
    reference = f"a worker that imports PyTorch itself, {alone / 1e6:.0f} MB"
    return Figure("memory of server and worker", forked / alone, "×", 1.1, reference=reference, ratio=forked / alone, details={"MB": forked / 1e6})


def resident(run: Run) -> int:
    """Of the worker and, where it was forked, of the server with it; after a hundred steps."""
    wait_until(lambda: read_status(run).step >= 100, 120, "a hundred steps")
    worker = psutil.Process(read_status(run).pid)
    parent = worker.parent()
    family = [worker, *([parent] if parent is not None and "gradtop.trainer.server" in parent.cmdline() else [])]
    # Of their own pages each has its share. Both map the same files, as other programs may, which must not make them cheaper.
    return sum(kilobytes(each, "smaps_rollup", "Pss_Anon") for each in family) * 1024 + max(kilobytes(each, "status", "RssFile") for each in family) * 1024


def kilobytes(process: psutil.Process, file: str, field: str) -> int:
    lines = Path(f"/proc/{process.pid}/{file}").read_text(encoding="utf-8", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
