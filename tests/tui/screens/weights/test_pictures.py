"""Weights as pictures: what the keys ask for, what is drawn of it, and where it comes from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.record import Column, Run, SegmentWriter
from gradtop.trainer.record.pictures import ALL_CHANNELS, Picture, PictureKind, Wanted
from gradtop.trainer.record.streams.registry import CELLS, PICTURES, columns_of, picture_columns
from gradtop.tui.screens.weights.pictures import Shown, blocks, heat, picture_title, why_none
from gradtop.tui.terminal import Capabilities
from gradtop.tui.widgets.heat_map import ASCII, BAD, FEW, GROUND, Heat, HeatMap, Pixels, arranged, level_of
from tests.tui.fake_model import PARAMETERS
from tests.tui.piloting import Starts, piloted
from tests.tui.runs_fixture import NOW, Grower, fake_run

KERNELS, MEAN, MAX = PictureKind
NAMES = [name for name, _kind, _shape in PARAMETERS]


class Pictures:
    """The stream of pictures as a worker would write it."""

    def __init__(self, run: Run) -> None:
        self._writer = SegmentWriter(run, PICTURES, [*columns_of(PICTURES), *map(Column, picture_columns())], rollup=False, extra={"parameters": NAMES})

    def put(self, parameter: str, head: Sequence[float], values: Sequence[float], *, bad: int = 0, step: int = 1210) -> None:
        self._writer.append(step, NOW, [NAMES.index(parameter), *head, bad, *values, *[math.nan] * (CELLS - len(values))])


def leased(run: Run) -> list[list[object]]:
    return [each for path in run.leases.glob("[!.]*.json") for each in json.loads(path.read_text())["pictures"]]


async def test_the_keys_ask_the_worker_for_a_picture_and_walk_kernels_and_channels(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    pictures = Pictures(run)
    async with piloted(tmp_path, run, mode="weights") as screen:
        await screen.shows("stem.weight  16×1×3×3")
        assert leased(run) == []
        await screen.press("j", "j", "K")
        await screen.shows("measuring: the picture follows after the current step")
        await screen.until(lambda: leased(run) == [["block1.conv.weight", 0, 0, 0, 0, 0]], "the lease")
        pictures.put("block1.conv.weight", [KERNELS, 0, 0, 32, 3, 3], [number / 288 - 0.5 for number in range(288)])
        await screen.shows("kernel 0 of 32 · channel 0 of 16")
        await screen.shows("step 1\u202f210")
        await screen.until(lambda: "█ 0.5" in screen.shown(), "the scale")
        for words in ("-0.5 █", "█ 0.5", "▸", "◂", "▀"):
            assert words in screen.shown()
        await screen.press("right", "l")
        await screen.shows("kernel 2 of 32 · channel 0 of 16")
        await screen.press("left")
        await screen.shows("kernel 1 of 32")
        assert "step 1\u202f210" in screen.shown(), "what is there already is drawn without the worker"
        await screen.press("right_square_bracket")
        await screen.until(lambda: leased(run) == [["block1.conv.weight", 0, 1, 1, 0, 0]], "the next channel")
        await screen.press("left_square_bracket", "left_square_bracket")
        await screen.until(lambda: leased(run) == [["block1.conv.weight", 0, 1, ALL_CHANNELS, 0, 0]], "the mean over the channels")
        await screen.shows("mean |W| over 16 channels")
        await screen.press("m")
        await screen.until(lambda: leased(run)[0][:2] == ["block1.conv.weight", MEAN], "the heat map")
        await screen.shows("mean |W|, 32 kernels ↓ × 16 channels →")
        pictures.put("block1.conv.weight", [MEAN, 0, 0, 1, 32, 16], [number / 512 for number in range(512)], step=1211)
        await screen.shows("step 1\u202f211")
        await screen.press("m")
        await screen.until(lambda: leased(run)[0][1] == MAX, "the maximum")
        assert "m mean |W|" in screen.keybar()
        await screen.press("escape")
        await screen.shows("since the start")
        await screen.until(lambda: leased(run) == [], "nothing is asked for any more")


@pytest.mark.parametrize(
    ("capabilities", "there"),
    [(Capabilities(), "▀"), (Capabilities(colours=256), "▀"), (Capabilities(colours=16), "··"), (Capabilities(colours=0), "··"), (Capabilities(unicode=False), "..")],
    ids=["2^24", "256", "16", "none", "ascii"],
)
async def test_the_scale_needs_no_colour(tmp_path: Path, training: tuple[Run, Grower], capabilities: Capabilities, there: str) -> None:
    run, _ = training
    pictures = Pictures(run)
    pictures.put("stem.weight", [KERNELS, 0, 0, 16, 3, 3], [number / 144 for number in range(144)], bad=3)
    async with piloted(tmp_path, run, mode="weights", capabilities=capabilities, size=(80, 24)) as screen:
        await screen.shows("mean")
        await screen.press("K")
        await screen.shows("not finite")
        shown = screen.shown()
        assert there in shown
        ramp = {"..": ASCII, "▀": "█" * 12}.get(there, FEW)
        assert f"0 {ramp} 0.993" in shown


class Checkpoints(Starts):
    """A torch server that has one checkpoint."""

    def picture(self, run: Run, checkpoint: Path, wanted: Wanted, *, averaged: bool) -> Mapping[str, Any]:
        self.asked.append(("picture", (checkpoint.name, wanted, averaged) if averaged else (checkpoint.name, wanted)))
        if wanted.kind is not KERNELS:
            raise OSError("the checkpoint step-000343.pt cannot be read (torn)")
        return {"step": 343, "shape": [16, 1, 3, 3], "numbers": [0, 0, wanted.channel, 16, 3, 3, 0, *[0.25] * 144]}


async def test_of_an_ended_run_the_picture_is_that_of_its_newest_checkpoint(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, "amber-finch", state="done", steps=400)
    launcher = Checkpoints()
    async with piloted(tmp_path, run, mode="weights", launcher=launcher) as screen:
        await screen.shows("step 300")
        await screen.press("K")
        await screen.shows("step 343 · checkpoint")
        assert "█ 0.25" in screen.shown()
        await screen.press("right")
        await screen.shows("kernel 1 of 16")
        for kernel in (3, 1):
            plot = screen.app.screen.query_one(HeatMap)
            (place,) = [(left, top) for number, left, top, _, _ in plot.places if number == kernel]
            await screen.pilot.click(HeatMap, offset=(place[0], place[1] // 2) if plot.is_coloured else (2 * place[0], place[1]))
            await screen.shows(f"kernel {kernel} of 16")
        await screen.press("left_square_bracket")
        await screen.until(lambda: "mean |W| over 1 channel" in screen.shown() and "█ 0.25" in screen.shown(), "the mean")
        asked = [what for kind, what in launcher.asked if kind == "picture"]
        assert asked == [("step-000343.pt", Wanted("stem.weight", KERNELS)), ("step-000343.pt", Wanted("stem.weight", KERNELS, 1, ALL_CHANNELS))]
        await screen.press("m")
        await screen.shows("the checkpoint step-000343.pt cannot be read (torn)")
        await screen.press("j", "K")
        await screen.shows("a vector of 16 has no kernels; m shows it as a heat map")


async def test_the_picture_is_that_of_the_ema_whose_score_counts_and_a_shows_the_weights(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, "amber-finch", state="done", steps=400)
    run.config.write_text(run.config.read_text().replace("[training]", "[training]\nema = 0.99"))
    launcher = Checkpoints()
    async with piloted(tmp_path, run, mode="weights", launcher=launcher) as screen:
        await screen.shows("weights, not their EMA")  # the histogram
        await screen.press("K")
        await screen.shows("step 343 · checkpoint · EMA of the weights")
        await screen.until(lambda: "a weights" in screen.keybar(), "the key for the weights")
        await screen.press("a")
        await screen.shows("checkpoint · weights, not their EMA")
        await screen.until(lambda: "a EMA" in screen.keybar(), "the key for the EMA")
        asked = [what for kind, what in launcher.asked if kind == "picture"]
        wanted = Wanted("stem.weight", KERNELS)
        assert asked == [("step-000343.pt", wanted, True), ("step-000343.pt", wanted)]


async def test_a_run_without_a_checkpoint_says_so(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, "amber-finch", state="stopped", steps=100)
    async with piloted(tmp_path, run, mode="weights") as screen:
        await screen.shows("step 0")
        await screen.press("K")
        await screen.shows("no checkpoint is kept from which the weights could be read")


def test_what_is_said_of_each_shape() -> None:
    kernels, mean = Wanted("w", KERNELS), Wanted("w", MEAN, height=20, width=60)
    assert "single number" in why_none(kernels, ())
    assert why_none(mean, (3, 0)) == "the shape 3×0 holds no weights"
    assert why_none(kernels, (10, 256)).startswith("a matrix of 10×256 has no kernels")
    assert why_none(mean, (10, 256)) == why_none(kernels, (8, 4, 3, 3, 3)) == ""
    assert picture_title(kernels, (8, 4, 3, 3, 3)) == "kernel 0 of 8 · channel 0 of 4, 3 slices below each other"
    assert (picture_title(mean, (10, 50)), picture_title(mean, (10, 256))) == ("|W|", "mean |W|")
    assert blocks(mean, (50_000, 768)) == "a cell: mean of 2500×13 weights"
    assert blocks(Wanted("w", MAX, height=20, width=60), (512, 256, 3, 3)) == "a cell: max of 26×5 kernels"


def test_signed_weights_are_drawn_about_zero_and_absolute_ones_from_zero_on() -> None:
    def drawn(*values: float) -> Heat | None:
        return heat(Shown(Picture(KERNELS, 0, 0, 1, 2, (values,)), 1), Wanted("w", KERNELS), (1, 1, 1, 2))

    signed, unsigned = drawn(-0.5, 0.25), drawn(0.5, math.nan)
    assert signed is not None
    assert unsigned is not None
    assert (signed.low, signed.high, unsigned.low, unsigned.high) == (-0.5, 0.5, 0.0, 0.5)
    assert drawn(math.nan, math.nan) is None


@pytest.mark.parametrize(("value", "level"), [(-1, 0), (-0.99, 0), (0, 6), (0.99, 11), (1, 11), (math.nan, BAD), (math.inf, BAD)])
def test_levels_rise_with_the_number(value: float, level: int) -> None:
    assert level_of(value, -1, 1, 12) == level


@pytest.mark.parametrize(("across", "down"), [(0, 0), (1, 1), (5, 2), (30, 8), (78, 40), (200, 100)])
@pytest.mark.parametrize(("tiles", "height", "width"), [(1, 3, 3), (200, 3, 3), (8, 16, 16), (2, 40, 40), (30, 1, 5)])
def test_tiles_are_laid_out_at_any_size_and_the_chosen_one_is_among_them(across: int, down: int, tiles: int, height: int, width: int) -> None:
    for chosen in {0, tiles // 2, tiles - 1}:
        drawn = Heat(tuple((1.0,) * height * width for _ in range(tiles)), height, width, 0, 1, chosen)
        pixels = Pixels([[GROUND] * across for _ in range(down)], [])
        marks, words = arranged(pixels, drawn, 12)
        assert {len(row) for row in pixels.rows} <= {across}
        assert len(pixels.rows) == down
        if marks:
            assert [sign for _, _, sign in marks] == ["▸", "◂"]
            assert words or sum(row.count(11) for row in pixels.rows) >= tiles * height * width
