"""What gradtop costs where nobody uses it, the start of every interpreter that can import it; and its shortest command."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
import venv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.figure import Figure, in_turns, median_ratio
from tests.package.installing import build, install

TIMES = 41


def seconds(*command: str | Path) -> float:
    began = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="gradtop-bench-") as sandbox:
        folder = Path(sandbox)
        builds = build(folder / "build")
        venv.create(folder / "empty", symlinks=True, with_pip=False)
        bare = folder / "empty" / "bin" / "python"
        pythons = {kind: install(getattr(builds, kind), folder / kind) for kind in ("wheel", "editable")}
        ways = {"bare": partial(seconds, bare, "-c", "pass"), "argparse": partial(seconds, bare, "-c", "import argparse")}
        for kind, python in pythons.items():
            ways[f"start, {kind}"] = partial(seconds, python, "-c", "pass")
            ways[f"help, {kind}"] = partial(seconds, python.with_name("gradtop"), "--help")
        in_turns(ways, 2)  # files come into the cache, and bytecode is written
        taken = in_turns(ways, TIMES)
    median = {name: 1000 * statistics.median(each) for name, each in taken.items()}
    for kind in pythons:
        ratio = median_ratio(taken[f"start, {kind}"], taken["bare"])
        yield Figure(f"start of the interpreter, {kind} install", ratio, "×", 1.1, reference=f"without, {median['bare']:.1f} ms", ratio=ratio)
    for kind in pythons:
        ratio = median_ratio(taken[f"help, {kind}"], taken["argparse"])
        reference = f"`import argparse`, {median['argparse']:.1f} ms"
        yield Figure(f"gradtop --help, {kind} install", ratio, "×", 2.0, reference=reference, ratio=ratio, details={"ms": median[f"help, {kind}"]})
