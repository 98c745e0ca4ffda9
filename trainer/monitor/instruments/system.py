"""What the run takes of the machine, and what else goes on there."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping

import psutil

from gradtop.trainer.monitor.gpu import GpuReader
from gradtop.trainer.monitor.host import HostReader
from gradtop.trainer.monitor.instruments.instrument import Instrument, Setup
from gradtop.trainer.record.streams.registry import CORES, GPU_NAME, GPU_UUID, MEMORY_TOTAL, SYSTEM

EVERY = 1.0  # seconds


class SystemSampler(Instrument):
    """Samples once a second, in a thread of its own, on each rank; costs the training nothing that could be metered."""

    stream = SYSTEM
    always = True

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._end = threading.Event()
        self._stepped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system", daemon=True)
        self._extra: dict[str, object] = {}

    @property
    def extra(self) -> Mapping[str, object]:
        return self._extra

    def begin(self) -> None:
        """Start the thread; it opens the stream when it knows which figures this system and the GPU do not report."""
        self._thread.start()

    def look(self, step: int, now: float) -> None:  # noqa: ARG002 - that there has been a step is enough
        self._stepped.set()

    def close(self) -> None:
        self._end.set()
        self._stepped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _work(self) -> None:
        # A person waits for the first step, which wants the cores.
        self._stepped.wait(EVERY)
        setup = self.setup
        host, gpu = HostReader(), GpuReader(setup.device)
        gpu.read()  # to find out what it does not report
        self._extra = {CORES: host.cores, MEMORY_TOTAL: host.memory_total, GPU_NAME: gpu.name, GPU_UUID: gpu.uuid}
        self.unavailable.update(host.unavailable | gpu.unavailable)
        self.open(setup.first_step)
        if gpu.expected:
            self.report(gpu.unavailable, setup.first_step - 1)
        process = psutil.Process()
        process.cpu_percent()  # the first call only starts the count
        while not self._end.wait(EVERY):
            with contextlib.suppress(psutil.Error, OSError):
                used = (process.cpu_percent(), float(process.memory_info().rss))
                setup.writer.put(SYSTEM, setup.step(), time.time(), (*used, *host.read(), *gpu.read()))
