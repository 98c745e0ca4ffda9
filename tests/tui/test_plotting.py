"""What plotext is given, whose work and memory grow with how far a point lies outside of the frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plotext
import pytest

from gradtop.trainer.record import RunReader, SegmentWriter
from gradtop.trainer.record.streams.registry import columns_of
from gradtop.tui import plotting
from gradtop.tui.screens.lr_range import plot
from gradtop.tui.widgets import axis
from tests.tui.runs_fixture import fake_run


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every coordinate that plotext is to draw."""
    found: list[float] = []
    for name in ("plot", "scatter"):
        draw = getattr(plotext, name)

        def recorded(xs: list[float], ys: list[float], draw: Any = draw, **how: object) -> None:
            found.extend([*xs, *ys])
            assert all(-1 <= each <= 2 for each in found)  # before it takes all memory
            draw(xs, ys, **how)

        monkeypatch.setattr(plotext, name, recorded)
    return found


def test_a_range_test_with_a_tiny_learning_rate_is_drawn_in_its_frame(tmp_path: Path, drawn: list[float]) -> None:
    run, grower = fake_run(tmp_path, state="done", steps=10)
    grower.close()
    columns = columns_of("lr_range")
    writer = SegmentWriter(run, "lr_range", columns)
    lrs = [5e-324, *[1e-3 * 1.00001**step for step in range(30)]]
    writer.append_many([(step, 1.8e9, *[lr if column.name == "lr" else 0.5 + step / 100 for column in columns]) for step, lr in enumerate(lrs)])
    writer.close()
    reader = RunReader(run)
    reader.refresh()
    assert "smoothed loss" in plot.draw(reader, 60, 12, colours=False, unicode=True)
    assert drawn
    assert all(0 <= each <= 1 for each in drawn)


def test_a_curve_beyond_its_axes_is_drawn_at_their_edge(drawn: list[float]) -> None:
    up, along = axis.linear(0.0, 1.0, 4), axis.along(0.0, 1.0, 40)
    plotting.frame(plotext, along, up, 40, 10)
    plotting.line(plotext, [(along.at(x), up.at(x)) for x in (-1e300, 0.5, 1e300)], "dot", None)
    plotting.scatter(plotext, [(1e300, -1e300)], "dot", None)
    assert drawn == [0.0, 0.5, 1.0, 0.0, 0.5, 1.0, 1.0, 0.0]
