"""A worker that has paid for its imports and waits for a run on standard input."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gradtop.trainer.runtime.priority import in_the_background, leave_the_background

# What is slow the first time, done once: the kernels of the layers, the optimizer, a checkpoint, the histograms.
REHEARSAL = """
[model]
kind = "cnn"
channels = [8, 8]
dropout = 0.1

[data]
kind = "fake"
samples = 96
image_size = 8
channels = 1

[optimizer]
kind = "adamw"

[schedule]
kind = "cosine"
warmup_steps = 1

[training]
epochs = 1
batch_size = 32
clip = 1.0
device = "cpu"
"""


@dataclass(frozen=True)
class Order:
    """The one line that a standby reads."""

    run: str
    resume: bool = False
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Raises ValueError for a line that is no order."""
        values = json.loads(line)
        if not isinstance(values, dict) or not isinstance(values.get("run"), str):
            raise ValueError(f"not an order: {line[:200]!r}")  # noqa: TRY004 - of the line, not of an argument
        env = {str(key): str(value) for key, value in (values.get("env") or {}).items()}
        return cls(values["run"], bool(values.get("resume")), str(values.get("cwd") or ""), env)


class Screen:
    """The screen that keeps this process warm, at the other end of standard input and output.

    The process ends when the screen does, until it has been given a run.
    """

    def __init__(self) -> None:
        self.folder = ""  # to be removed when the process ends
        self._order: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answers = os.dup(1)
        # What is printed while getting ready is no answer.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.close(null)
        # A thread, because the screen may close while this one imports.
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    @property
    def has_ordered(self) -> bool:
        return not self._order.empty()

    def order(self) -> Order:
        """Wait for it."""
        return Order.parse(self._order.get())

    def answer(self, words: str) -> None:
        # A screen that is gone is told of by the end of standard input, and needs no answer after an order.
        with contextlib.suppress(OSError):
            os.write(self._answers, f"{words}\n".encode())

    def begun(self) -> None:
        """The run shows as starting: the screen may forget about this process."""
        self.answer("begun")
        os.close(self._answers)

    def _listen(self) -> None:
        line = b""
        while not line.endswith(b"\n"):
            part = os.read(0, 65536)
            if not part:
                shutil.rmtree(self.folder or os.devnull, ignore_errors=True)
                os._exit(0)
            line += part
        self._order.put(line)
        # Somebody waits now.
        leave_the_background()


def get_ready(screen: Screen) -> None:
    """Import and rehearse everything, or as much as there is time for until there is an order; then say "ready"."""
    with in_the_background():
        # What cannot be imported is told by the run that needs it, in its status.
        with contextlib.suppress(Exception):
            _import_everything()
        if not screen.has_ordered:
            with tempfile.TemporaryDirectory(prefix="gradtop-", ignore_cleanup_errors=True) as screen.folder:
                rehearse(Path(screen.folder))
    screen.answer(f"ready {os.getpid()}")


def take(order: Order) -> None:
    """Become the worker of the ordered run: its directory, environment, log."""
    os.environ.update(order.env)
    if order.cwd:
        # A directory that has gone since is no reason not to train: the run is named by an absolute path.
        with contextlib.suppress(OSError):
            os.chdir(order.cwd)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    log = os.open(Path(order.run) / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    for descriptor in (null, log):
        os.close(descriptor)


def _import_everything() -> None:

    # A torchvision that does not fit this torch must not keep away the runs that need none.
    with contextlib.suppress(Exception):
        import torchvision  # noqa: F401


def rehearse(folder: Path) -> int:
    """Train a tiny run on the CPU; returns its exit code."""
    from gradtop.trainer.config import dump_config, parse_config
    from gradtop.trainer.record import new_run
    from gradtop.trainer.runtime.worker import work

    return work(new_run(folder, dump_config(parse_config(REHEARSAL)), {}))
