from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from gradtop.trainer.record import Lease, read_leases, read_status, write_status
from gradtop.tui.screens.gradients.screen import Gradients
from gradtop.tui.terminal import Capabilities
from gradtop.tui.ui_state import UiState
from gradtop.tui.widgets.line_chart import LineChart
from gradtop.tui.widgets.table import Table
from tests.support import wait_until
from tests.tui.layers_fixture import NAMES, Layers, small_table, wide_table
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import NOW, fake_run

VANISHING = "body.second.weight"


@pytest.fixture(autouse=True)
def read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pause that follows a read that took long: on a machine that is busy, it would take the whole test."""
    monkeypatch.setattr("gradtop.tui.screens.gradients.data.SHARE", math.inf)


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    """A run in which one parameter vanishes."""
    found = Layers(tmp_path / "runs", small_table())
    found.measure(norms(**{VANISHING: 1e-7}), ratio=2e-3, times=40)
    return found


def norms(**more: float) -> Mapping[str, float]:
    return dict.fromkeys(NAMES, 1.0) | more


def screen(hands: Piloted) -> Gradients:
    assert isinstance(hands.mode, Gradients)
    return hands.mode


def table(hands: Piloted) -> Table:
    return screen(hands).table


def row(hands: Piloted, word: str) -> str:
    return next((line for line in hands.shown().splitlines() if word in line), "")


async def test_a_row_has_norm_picture_trend_ratio_and_finding(tmp_path: Path, layers: Layers) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("head.weight")
        line = row(hands, "head.weight")
        for words in ("1.0e0", "▅▅▅▅▅▅▅▅", "→ steady", "2.0e-3", "✓ fine"):
            assert words in line
        assert "▼ vanishing: 4e7 × under the others" in row(hands, VANISHING)
        assert "▼ 1 vanishing   ✓ 4 fine   sorted by trouble   measured at step 390" in hands.shown()


async def test_trouble_comes_first_and_o_brings_the_order_of_the_model(tmp_path: Path, layers: Layers) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, layers.run, mode="gradients", memory=memory) as hands:
        await hands.shows("vanishing")
        assert table(hands).keys[0] == VANISHING
        assert "o by depth" in hands.keybar()
        await hands.press("o")
        assert list(table(hands).keys) == list(NAMES)
        assert "o by trouble" in hands.keybar()
        assert "sorted by depth" in hands.shown()
    async with piloted(tmp_path, layers.run, mode="gradients", memory=memory) as hands:
        await hands.shows("vanishing")
        assert list(table(hands).keys) == list(NAMES)


async def test_the_cursor_is_remembered_and_stays_while_rows_are_sorted_anew(tmp_path: Path, layers: Layers) -> None:
    memory = UiState(tmp_path / "memory.json")
    async with piloted(tmp_path, layers.run, mode="gradients", memory=memory) as hands:
        await hands.shows("vanishing")
        await hands.press("end")
        assert table(hands).key == "head.weight"
        layers.measure(norms(**{"head.weight": math.nan, VANISHING: 1e-7}))
        await hands.shows("✕ 1 not finite")
        assert table(hands).keys[0] == "head.weight"
        assert table(hands).key == "head.weight"
    async with piloted(tmp_path, layers.run, mode="gradients", memory=memory) as hands:
        await hands.shows("vanishing")
        assert table(hands).key == "head.weight"


async def test_a_growing_run_moves_the_figures_and_not_the_cursor(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", vanishing="stem.weight", steps=800)
    async with piloted(tmp_path, run, mode="gradients", clock=lambda: NOW - 60 + 800 / 40) as hands:
        await hands.shows("▼ vanishing")
        await hands.press("down", "down")
        key = table(hands).key
        line = next(index for index, text in enumerate(hands.shown().splitlines()) if key in text)
        for _ in range(5):
            grower.grow(40)
            await hands.shows(f"measured at step {grower.step - 10:,}".replace(",", "\u202f"))
        assert table(hands).key == key
        assert key in hands.shown().splitlines()[line]


async def test_a_filter_takes_names_and_findings(tmp_path: Path, layers: Layers) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("vanishing")
        await hands.press("slash", *"bias")
        assert set(table(hands).keys) == {"body.first.bias", "body.second.bias"}
        assert "2 of 5" in hands.shown()
        await hands.press("escape", "slash", *"vanish", "enter")
        assert list(table(hands).keys) == [VANISHING]
        layers.measure(norms(**{VANISHING: 1e-7, "body.first.weight": 1e-7}), times=40)
        await hands.until(lambda: len(table(hands).keys) == 2, "the other that vanishes now")
        await hands.press("escape")
        assert len(table(hands).keys) == 5


async def test_enter_shows_one_parameter_in_a_large_chart_and_esc_brings_the_list_back(tmp_path: Path, layers: Layers) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("vanishing")
        await hands.press("down", "enter")
        key = table(hands).key
        await hands.until(lambda: hands.snapshot.part.curves.name == key, "the curves")
        chart = screen(hands).query_one(LineChart)
        assert chart.has_focus
        assert not table(hands).display
        assert "2 of 5" in hands.shown()
        await hands.press("left", "left")
        await hands.shows("update:weight 2.0e-3")
        assert "weight norm 5.0e0" in hands.shown()
        assert "gradient norm 1.0e0" in hands.shown()
        await hands.press("y")
        assert hands.app.clipboard.startswith(f"{key}: step ")
        await hands.press("escape")
        assert not table(hands).display
        await hands.press("escape")
        await hands.until(lambda: table(hands).has_focus, "the list")
        await hands.until(lambda: not chart.display, "the chart to go")
        assert table(hands).key == key


async def test_the_large_chart_of_a_fork_begins_where_it_began(tmp_path: Path, layers: Layers) -> None:
    write_status(layers.run, read_status(layers.run)._replace(began=20))
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("vanishing")
        await hands.press("enter")
        await hands.shows("── step")
        assert "└0" not in hands.shown()


async def test_j_and_k_walk_through_the_parameters_while_the_chart_is_open(tmp_path: Path, layers: Layers) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("vanishing")
        await hands.press("enter", "j", "j")
        assert table(hands).key == table(hands).keys[2]
        await hands.until(lambda: hands.snapshot.part.curves.name == table(hands).keys[2], "the curves of the third")
        assert "3 of 5" in hands.shown()
        await hands.press("k", "k", "k")
        assert "1 of 5" in hands.shown()
        await hands.press("escape", "j")
        assert table(hands).key == table(hands).keys[1]


async def test_the_chart_lives_on(tmp_path: Path, layers: Layers) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("vanishing")
        await hands.press("down", "enter")
        layers.measure(33.0)
        await hands.until(lambda: "33" in " ".join(screen(hands).query_one(LineChart).read), "the new norm")


async def test_the_lease_names_the_update_ratios_and_the_parameter_that_is_looked_at(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs")

    def lease() -> Lease:
        return read_leases(run, time.time())

    async with piloted(tmp_path, run, mode="gradients", clock=lambda: NOW - 60 + 1204 / 40) as hands:
        await hands.shows("stem.weight")
        await hands.until(lambda: lease().measurements == {"updates"}, "the lease")
        assert not lease().parameters
        table(hands).go("head.weight")
        await hands.press("enter")
        await hands.until(lambda: lease().parameters == {"head.weight"}, "the parameter in the lease")
        await hands.press("escape")
        await hands.until(lambda: not lease().parameters, "the parameter out of the lease")
    wait_until(lambda: not lease().measurements, why="the lease to be dropped")


async def test_a_ratio_that_is_too_large_is_marked_and_one_not_measured_is_a_dash(tmp_path: Path) -> None:
    layers = Layers(tmp_path / "runs", small_table())
    layers.measure(1.0, times=3)
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("head.weight")
        assert "–  ✓ fine" in row(hands, "head.weight")
        layers.measure(1.0, ratio=0.5)
        await hands.shows("▲ 5.0e-1")
        assert "▲" not in row(hands, "body.first.bias")
        layers.measure(1.0)
        await hands.shows("measured at step 40")
        assert "▲ 5.0e-1" in row(hands, "head.weight")


async def test_a_frozen_parameter_and_a_tied_one_are_no_trouble(tmp_path: Path) -> None:
    content = small_table(trainable=False)
    content["parameters"][4]["tied_to"] = "body.first.weight"
    layers = Layers(tmp_path / "runs", content)
    layers.measure({VANISHING: math.nan}, times=8)
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("□ frozen")
        assert "head.weight" not in table(hands).keys
        assert "4 of" not in hands.shown()
        assert "✓ 3 fine   □ 1 frozen" in hands.shown()


async def test_y_copies_name_norm_and_finding(tmp_path: Path, layers: Layers) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("vanishing")
        await hands.press("y")
        assert hands.app.clipboard == f"{VANISHING} 1.0e-7 vanishing: 4e7 × under the others"


async def test_a_large_model_scrolls_at_once(tmp_path: Path) -> None:
    layers = Layers(tmp_path / "runs", wide_table(12, 25))
    layers.measure(1.0, times=8)
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("encoder.block0.linear0.weight")
        assert len(table(hands).keys) == 600
        await hands.press("end", "pageup", "home")
        assert table(hands).key == "encoder.block0.linear0.weight"


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_name_norm_and_finding_are_seen_at_every_size(tmp_path: Path, layers: Layers, size: tuple[int, int]) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients", size=size) as hands:
        await hands.shows("▼ vanishing")
        line = row(hands, "second.weight")
        assert "1.0e-7" in line
        assert "▼ vanishing" in line
        await hands.press("enter")
        await hands.shows("gradient norm before clipping")
        await hands.press("left")
        await hands.shows("gradient norm 1.0e-7")


async def test_a_wide_terminal_is_used_up_to_its_edge(tmp_path: Path, layers: Layers) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients", size=(200, 50)) as hands:
        await hands.shows("▼ vanishing")
        assert len(row(hands, "second.weight").rstrip()) >= 190


async def test_a_terminal_without_unicode_shows_it_in_ascii(tmp_path: Path, layers: Layers) -> None:
    async with piloted(tmp_path, layers.run, mode="gradients", capabilities=Capabilities(unicode=False)) as hands:
        await hands.shows("vanishing")
        assert "v vanishing: 4e7 x under the others" in hands.shown()


async def test_before_the_first_step_it_says_what_will_come(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs", state="starting", steps=0)
    for path in run.streams.glob("layers*"):
        path.unlink()
    async with piloted(tmp_path, run, mode="gradients") as hands:
        await hands.shows("the first norms follow with the first step")
        await hands.press("enter", "o", "j", "k", "left", "y", "slash", "x", "escape")
        assert not screen(hands).query_one(LineChart).display


async def test_a_model_that_was_not_measured_yet_has_its_rows(tmp_path: Path) -> None:
    async with piloted(tmp_path, Layers(tmp_path / "runs", small_table()).run, mode="gradients") as hands:
        await hands.shows("◌ no gradient yet")
        assert "◌ 5 no gradient yet" in hands.shown()


async def test_without_a_run_it_says_which_key_brings_one(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    async with piloted(tmp_path, None, mode="gradients") as hands:
        await hands.shows("7 lists the runs")


async def test_a_run_without_the_charted_parameter_brings_the_list_back(tmp_path: Path, layers: Layers) -> None:
    other = Layers(tmp_path / "runs", wide_table(2, 2), name="amber-finch")
    other.measure(1.0, times=4)
    async with piloted(tmp_path, layers.run, mode="gradients") as hands:
        await hands.shows("vanishing")
        await hands.press("enter")
        hands.app.watch_run(other.run, "gradients")
        await hands.shows("encoder.block0")
        await hands.until(lambda: table(hands).has_focus, "the list")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_another_run_with_longer_names_is_drawn_where_the_list_of_the_first_one_stood(tmp_path: Path, layers: Layers, size: tuple[int, int]) -> None:
    other = Layers(tmp_path / "runs", wide_table(2, 2), name="amber-finch")
    other.measure(1.0, times=4)
    async with piloted(tmp_path, layers.run, mode="gradients", size=size) as hands:
        await hands.shows("vanishing")
        hands.app.watch_run(other.run, "gradients")
        await hands.shows("block1.linear1.bias")
        assert VANISHING not in hands.shown()
