"""A worker that has paid for its imports and waits for a run on standard input."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainer.priority import in_the_background


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
            raise ValueError(f"not an order: {line[:200]!r}")
        env = {str(key): str(value) for key, value in (values.get("env") or {}).items()}
        return cls(values["run"], bool(values.get("resume")), str(values.get("cwd") or ""), env)


def wait_for_order() -> Order:
    """Import and rehearse everything, say "ready", wait. The process ends when the other end of standard input does."""
    orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    # A thread, because the screen may close while the imports below still run.
    threading.Thread(target=_listen, args=(orders,), name="orders", daemon=True).start()
    with in_the_background():
        _import_everything()
        rehearse()
    try:
        os.write(1, b"ready\n")
    except OSError:
        os._exit(0)
    return Order.parse(orders.get())


def _listen(orders: queue.SimpleQueue[bytes]) -> None:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 65536)
        if not part:
            os._exit(0)
        line += part
    orders.put(line)


def take(order: Order) -> None:
    """Become the worker of the ordered run: its directory, environment, log."""
    os.environ.update(order.env)
    if order.cwd:
        # A directory that has gone since is no reason not to train: the run is named by an absolute path.
        with contextlib.suppress(OSError):
            os.chdir(order.cwd)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    log = os.open(Path(order.run) / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    for descriptor in (null, log):
        os.close(descriptor)
    _take_threads(order.env)


def _take_threads(env: Mapping[str, str]) -> None:
    # OpenMP has read its environment at import; PyTorch can still be told.
    import torch

    if env.get("OMP_NUM_THREADS", "").isdigit():
        torch.set_num_threads(max(int(env["OMP_NUM_THREADS"]), 1))


def _import_everything() -> None:
    import trainer.loop
    import trainer.session  # noqa: F401 - imported now, so that the run need not

    # A torchvision that does not fit this torch must not keep away the runs that need none.
    with contextlib.suppress(Exception):
        import torchvision  # noqa: F401


def rehearse() -> None:
    """Train a tiny run on the CPU, so that what is slow the first time has been done once."""
    from trainer.config import dump_config, parse_config
    from trainer.record import new_run
    from trainer.worker import work

    config = parse_config(REHEARSAL)
    with tempfile.TemporaryDirectory(prefix="gradtop-", ignore_cleanup_errors=True) as folder:
        work(new_run(Path(folder), dump_config(config), {}))


REHEARSAL = """
"""
