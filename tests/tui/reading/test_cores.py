from __future__ import annotations

import math
import os
from pathlib import Path

from gradtop.tui.reading.cores import IdleCores
from tests.support import wait_until


def test_it_counts_the_idle_cores_of_this_machine() -> None:
    idle = IdleCores()
    found = wait_until(lambda: (count,) if 0 <= (count := idle()) < math.inf else None, why="a count")[0]
    assert found <= (os.cpu_count() or 1) * 1.5


def test_where_nobody_tells_there_is_always_one(tmp_path: Path) -> None:
    assert IdleCores(str(tmp_path / "none"))() == math.inf
    (tmp_path / "odd").write_text("cpu 1 2\n")
    assert IdleCores(str(tmp_path / "odd"))() == math.inf
