"""Where a benchmark works: a folder of its own, with runs in it and the screen opened on them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.terminal import Terminal

GRADTOP = Path(sys.executable).with_name("gradtop")
MINIMAL = Path(__file__).with_name("minimal.py")


@dataclass(frozen=True)
class Place:
    """`runs` is the runs directory; nothing that a screen remembers comes from, or gets to, the user's home.

    Bytecode is cached, as it is on a user's machine from the second start on.
    """

    folder: Path

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def env(self) -> dict[str, str]:
        return {"XDG_STATE_HOME": str(self.folder / "state"), "GRADTOP_RUNS": str(self.runs), "PYTHONDONTWRITEBYTECODE": ""}

    def watch(self, *options: str) -> Terminal:
        """The screen on the newest run."""
        return Terminal([str(GRADTOP), "watch", "last", *options], env=self.env)

    def minimal(self) -> Terminal:
        return Terminal([sys.executable, str(MINIMAL)], env=self.env)


@contextmanager
def a_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="gradtop-bench-", ignore_cleanup_errors=True) as folder:
        place = Place(Path(folder))
        place.runs.mkdir()
        yield place
