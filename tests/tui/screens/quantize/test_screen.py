"""A quantization run on the screen: in place of the Overview, with a way to write a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.jobs.quantize.trial import BatchLatency, QuantizeTrial
from gradtop.tui.dialogs.confirm import Confirm
from gradtop.tui.framework.lines import Lines
from gradtop.tui.screens.quantize.data import QuantizePart
from gradtop.tui.screens.quantize.text import method_remarks
from tests.tui.piloting import Piloted, piloted
from tests.tui.quantize_fixture import quantize_run


def rows(app: Piloted) -> list[str]:
    return [" ".join(line.split()) for line in app.shown().splitlines()]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 24)])
async def test_it_tells_the_verdict_each_method_and_the_noise_of_each_layer(tmp_path: Path, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, quantize_run(tmp_path / "runs"), size=size) as app:
        await app.shows('"75 % smaller" holds')
        await app.until(lambda: any(row.startswith("▸ dynamic_int8_torch") for row in rows(app)), "the row of the fastest dynamic method")
        await app.until(lambda: any("blocks.0.linear" in row and "40 dB" in row and "▆" in row for row in rows(app)), "the noise of the layers")
        if size[0] >= 80:
            assert any("weight_int4" in row and "83 % smaller 0.35 × 0.50 × 0.65 ×" in row for row in rows(app)), rows(app)
        await app.press("v")
        await app.until(lambda: any("blocks.0.linear" in row and "38 dB" in row for row in rows(app)), "the noise of weights")


async def test_the_cursor_chooses_a_method_and_an_error_says_why(tmp_path: Path) -> None:
    async with piloted(tmp_path, quantize_run(tmp_path / "runs")) as app:
        await app.shows("by layer, dynamic_int8_torch")
        await app.press("j", "j")
        await app.shows("by layer, weight_int4")
        await app.press("j", "j")
        await app.until(lambda: any(row.startswith("▸ dynamic_int8 torchao is not installed here") for row in rows(app)), "the reason")
        assert app.mode.check_action("write", ()) is None
        assert app.mode.query_one("#layers", Lines).border_title == "signal to quantization noise of outputs by layer"


async def test_writing_asks_first_and_is_done_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr("gradtop.tui.screens.sweep_screen.carry_out", lambda _app, *words: done.append(words))
    run = quantize_run(tmp_path / "runs")
    async with piloted(tmp_path, run) as app:
        await app.shows("by layer, dynamic_int8_torch")
        await app.press("enter")
        await app.until(lambda: isinstance(app.app.screen, Confirm), "the question")
        await app.press("y")
        await app.until(lambda: bool(done), "the command")
    assert done == [("write dynamic_int8_torch", ("quantize", str(run.path), "--write", "dynamic_int8_torch"))]


async def test_before_anything_is_measured_it_says_so(tmp_path: Path) -> None:
    async with piloted(tmp_path, quantize_run(tmp_path / "runs", measured=0)) as app:
        await app.shows("comes with the first dynamic method")


@pytest.mark.parametrize(
    ("latencies", "told"),
    [
        ((BatchLatency(1, 1.0, 2.0), BatchLatency(8, 1.0, 2.0)), True),  # nothing was compiled
        ((BatchLatency(1, 1.0, 2.0, 1.0, 2.0), BatchLatency(8, 1.0, 2.0, 1.0, 2.0)), True),
        ((BatchLatency(1, 1.0, 2.0), BatchLatency(8)), False),
        ((BatchLatency(1, 1.0, 2.0, 1.0, 2.0), BatchLatency(8, 1.0, 2.0)), False),
    ],
)
def test_a_dash_in_place_of_a_speedup_is_explained(latencies: tuple[BatchLatency, ...], *, told: bool) -> None:
    trial = QuantizeTrial("weight_int8", latencies=latencies)
    remarks = method_remarks(QuantizePart(trials=(QuantizeTrial(""), trial)), trial, 120)
    assert ("–: no latency could be measured, because the machine was busy" in remarks) is not told
