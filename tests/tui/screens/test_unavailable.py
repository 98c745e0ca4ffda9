"""Where the worker cannot measure something, the screen shows the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import SegmentWriter, StreamReader
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run


@pytest.mark.parametrize(
    ("stream", "column", "mode", "shown"),
    [
        ("layers", "update_ratio", "gradients", "update:weight is not measured: there is no memory"),
        ("layers", "", "gradients", "no longer measured: there is no memory"),
    ],
)
async def test_the_reason_stands_where_the_figure_would(tmp_path: Path, stream: str, column: str, mode: str, shown: str) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", steps=300)
    grower.close()
    reader = StreamReader(run, stream)
    reader.refresh()
    extra = {**reader.extra, "unavailable": {column: "there is no memory"}}
    SegmentWriter(run, stream, reader.columns, first_step=301, extra=extra).close()
    async with piloted(tmp_path, run, mode=mode) as screen:
        await screen.shows(shown)


async def test_weights_without_a_histogram_show_why(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron", steps=0)
    grower.close()
    reader = StreamReader(run, "histograms")
    reader.refresh()
    SegmentWriter(run, "histograms", reader.columns, rollup=False, extra={**reader.extra, "unavailable": {"": "no kernel for float8"}}).close()
    async with piloted(tmp_path, run, mode="weights") as screen:
        await screen.shows("not measured: no kernel for float8")
