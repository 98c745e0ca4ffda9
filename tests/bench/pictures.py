"""How soon a parameter is seen as a picture: the worker takes it while a run trains, the torch server once it has ended."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator

from gradtop.trainer.record import is_alive, read_status, send
from tests.bench.figure import Figure
from tests.bench.live import MODES
from tests.bench.restart import first_step, train
from tests.bench.sandbox import Sandbox, sandboxed
from tests.bench.terminal import CHART
from tests.support import wait_until

LAYERS = (0, 4, 8)  # where the convolutions stand in the list; a picture that the worker has taken once stays for a while
SETTLED = 1.0  # seconds after the mode was opened
KERNELS = "kernel 0 of"
DRAWN = re.compile("▀{4}")  # cells of two weights each


def measure() -> Iterator[Figure]:
    with sandboxed() as sandbox:
        run = train(sandbox, "training.epochs=20000")
        first_step(run)
        yield figure("a run that trains", sandbox)
        send(run, "stop")
        wait_until(lambda: not is_alive(read_status(run)), why="the end of the worker")
        yield figure("a run that ended, server warm", sandbox)


def figure(name: str, sandbox: Sandbox) -> Figure:
    taken = [first_picture(sandbox, layer) for layer in LAYERS]
    return Figure(f"first picture of weights, {name}", statistics.median(taken), "s", 0.5, details={"slowest, s": max(taken)})


def first_picture(sandbox: Sandbox, layer: int) -> float:
    """Seconds from the key to the first frame with the kernels of the convolution in that row."""
    with sandbox.watch() as screen:
        screen.wait_for(CHART)
        screen.press("4")
        screen.wait_for(MODES["4"])
        screen.press("\x1b[H" + "j" * layer)  # the screen before has left the cursor where it was
        screen.rest(SETTLED)
        begin = screen.seconds
        screen.press("K")
        screen.wait_for(KERNELS)
        return screen.wait_for(DRAWN) - begin
