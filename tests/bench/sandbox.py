"""Where a benchmark works: a folder of its own, with runs in it and the screen opened on them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.terminal import Terminal
from tests.support import wait_until

GRADTOP = Path(sys.executable).with_name("gradtop")
BEGINS = 2.0  # seconds; the time of a start is known to a second only
MINIMAL = Path(__file__).with_name("minimal.py")


@dataclass(frozen=True)
class Sandbox:
    """`runs` is the runs directory; nothing that a screen remembers comes from, or gets to, the user's home, and its torch server is its own.

    Bytecode is cached, as it is on a user's machine from the second start on.
    """

    folder: Path

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def env(self) -> dict[str, str]:
        return {
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_RUNTIME_DIR": str(self.folder),
            "GRADTOP_RUNS": str(self.runs),
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def server_is_ready(self) -> bool:
        """Whether a torch server has imported PyTorch."""
        return any("ready" in lock.read_text() for lock in (self.folder / "gradtop").glob("[!s]*.lock"))

    def screens_are_ready(self) -> bool:
        """Whether a screen server listens."""
        return any("ready" in lock.read_text() for lock in (self.folder / "gradtop").glob("screens_*.lock"))

    def start_screen_server(self) -> None:
        command = [sys.executable, "-P", "-m", "gradtop.tui.screen_server"]
        subprocess.Popen(command, env={**os.environ, **self.env}, start_new_session=True, stdin=subprocess.DEVNULL)
        wait_until(self.screens_are_ready, 60, "the screen server")

    def watch(self, *options: str) -> Terminal:
        """The screen on the newest run."""
        return Terminal([str(GRADTOP), "watch", "last", *options], env=self.env)

    def gradtop(self, *words: str) -> None:
        """Run a command of gradtop's."""
        subprocess.run([str(GRADTOP), *words], check=True, capture_output=True, env={**os.environ, **self.env})

    def minimal(self) -> Terminal:
        return Terminal([sys.executable, str(MINIMAL)], env=self.env)

    def end_all(self) -> None:
        """End what was started here and lives on by itself: workers and the torch server."""
        while True:
            begins, found = _begins(), self._processes()  # in this order: what has begun is seen
            if not begins and not found and not _begins():
                return
            for process in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=1.0) if found else time.sleep(0.01)

    def _processes(self) -> list[psutil.Process]:
        """Those there are, and those that begin meanwhile: what detaches itself is the child of a process that ends at once."""
        seen: set[int] = set()
        found: list[psutil.Process] = []
        while new := set(psutil.pids()) - seen:
            seen |= new
            for pid in new:
                # They are nobody's children; but whoever was started here has this environment from whoever started it.
                with contextlib.suppress(psutil.Error):
                    if (process := psutil.Process(pid)).environ().get("GRADTOP_RUNS") == str(self.runs):
                        found.append(process)
        return found


def _begins() -> bool:
    """Whether a process was started just now: the system shows its environment a little after whoever started it goes on."""
    every = psutil.process_iter(["environ", "create_time", "status"])
    return any(not each.info["environ"] and time.time() - each.info["create_time"] < BEGINS and each.info["status"] != psutil.STATUS_ZOMBIE for each in every)


@contextmanager
def sandboxed() -> Iterator[Sandbox]:
    """Nothing of it is left afterwards, no folder and no process, however the benchmark ends."""
    with tempfile.TemporaryDirectory(prefix="gradtop-bench-", ignore_cleanup_errors=True) as folder:
        sandbox = Sandbox(Path(folder))
        sandbox.runs.mkdir()
        try:
            yield sandbox
        finally:
            sandbox.end_all()
