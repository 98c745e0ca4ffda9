"""The process that makes a profile of an exported trace, and the thread that waits for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import gradtop
from gradtop.trainer.record import Run
from gradtop.trainer.record.events import plain
from gradtop.trainer.record.profiles import Profile

MODULE = "gradtop.trainer.analysis.profiling"
LONGEST = 600.0  # seconds


class SummaryProcess:
    """Calls `done` from its thread, with "" or a sentence that says why there is no profile."""

    def __init__(self, run: Run, raw: Path, profile: Profile, counted: Sequence[int], done: Callable[[str], object]) -> None:
        """`counted` are the numbers of the steps that the figures are of. Raises OSError where no process can be started."""
        here = os.fspath(Path(gradtop.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))}
        self._done, self._raw = done, raw
        self._about = json.dumps({"profile": plain(profile.record()), "counted": list(counted)})
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, os.fspath(run.path), os.fspath(raw)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, text=True, env=environment, cwd="/",
        )  # fmt: skip
        self._thread = threading.Thread(target=self._wait, name="profile", daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        try:
            said, _ = self._process.communicate(self._about, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            self._process.kill()
            said, _ = self._process.communicate()
            said = said or f"its trace was not read within {LONGEST:g} s"
        self._raw.unlink(missing_ok=True)
        code = self._process.returncode
        self._done("" if code == 0 else said.strip() or f"the process that reads its trace ended with code {code}")

    def finish(self, timeout: float) -> None:
        """Wait for it, but no longer than `timeout` seconds: it ends by itself in any case."""
        self._thread.join(timeout)
