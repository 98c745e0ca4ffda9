from __future__ import annotations

import math
import os
from itertools import count
from pathlib import Path

from gradtop.tui.reading.cores import SHORTEST, TICKS, IdleCores
from tests.support import wait_until


def test_it_counts_the_idle_cores_of_this_machine() -> None:
    idle = IdleCores()
    found = wait_until(lambda: (cores,) if 0 <= (cores := idle()) < math.inf else None, why="a count")[0]
    assert found <= (os.cpu_count() or 1) * 1.5


def test_where_nobody_tells_there_is_always_one(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("cpu 1 2\n")
    for name in ("none", "odd"):
        cores = IdleCores(str(tmp_path / name), count(0.0, SHORTEST).__next__)
        assert (cores(), cores()) == (math.inf, math.inf)


def test_one_that_was_just_made_does_not_take_an_idle_core_for_a_busy_one(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu 0 0 0 500 0 0\n")
    cores = IdleCores(str(stat), iter([0.0, 1e-4, 0.01, 2.0, 2.01, 4.0]).__next__)
    assert (cores(), cores()) == (math.inf, math.inf), "no tick has passed: nobody knows"
    stat.write_text(f"cpu 0 0 0 {500 + 3 * TICKS} 0 0\n")
    assert cores() == 1.5
    assert cores() == 1.5, "asked again at once, it says what it found"
    assert cores() == 0.0
