"""What a picture of weights shows, from the tensor to the record and back."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from gradtop.trainer.monitor.instruments.pictures import Pictures
from gradtop.trainer.monitor.pictures import picture_of
from gradtop.trainer.record import Lease
from gradtop.trainer.record.pictures import ALL_CHANNELS, Picture, PictureKind, Wanted, layout
from gradtop.trainer.record.streams.registry import CELLS
from tests.monitor.support import Clock, Viewers, monitored, table

KERNELS, MEAN, MAX = PictureKind


def picture(weight: torch.Tensor, kind: PictureKind, **more: int) -> Picture | None:
    wanted = Wanted("w", kind, **{"height": 20, "width": 60, **more})
    found = picture_of(weight, wanted)
    if found is None:
        return None
    shown = Picture.from_numbers([*found[0], *found[1].tolist()])
    assert shown is not None
    assert shown.shows(wanted, weight.shape)
    assert not shown.shows(Wanted("w", MAX if kind is MEAN else MEAN, height=1, width=1), weight.shape)
    return shown


def test_kernels_of_a_channel_are_the_weights_themselves() -> None:
    weight = torch.randn(10, 4, 3, 5)
    shown = picture(weight, KERNELS, kernel=7, channel=2)
    assert shown is not None
    assert (shown.first, len(shown.tiles), shown.height, shown.width) == (0, 10, 3, 5)
    assert torch.equal(torch.tensor(shown.tiles).reshape(10, 3, 5), weight[:, 2])


def test_the_mean_over_channels_is_that_of_the_absolute_values() -> None:
    weight = torch.randn(10, 4, 3, 3)
    shown = picture(weight, KERNELS, channel=ALL_CHANNELS)
    assert shown is not None
    assert torch.allclose(torch.tensor(shown.tiles).reshape(10, 3, 3), weight.abs().mean(1))


def test_sizes_that_no_memory_holds_are_laid_out_at_once() -> None:
    """A run from elsewhere may claim any; PyTorch has none of more dimensions than 64."""
    for shape in ([16, 1, 10**9, 10**9], [1, 1, 1, 2**53], [2**53] * 64):
        for kind in PictureKind:
            found = layout(shape, Wanted("w", kind, height=2**39, width=2**39))
            assert found is not None
            assert 0 < found.tiles * found.height * found.width <= CELLS


def test_more_kernels_than_a_picture_holds_come_in_parts() -> None:
    weight = torch.randn(600, 2, 3, 3)
    shown = picture(weight, KERNELS, kernel=500, channel=1)
    assert shown is not None
    assert (shown.first, len(shown.tiles)) == (454, 146)
    assert torch.equal(torch.tensor(shown.tiles).reshape(-1, 3, 3), weight[454:, 1])


@pytest.mark.parametrize(
    ("shape", "size"), [((6, 2, 5), (1, 5)), ((6, 2, 3, 4, 5), (12, 5)), ((4, 3, 64, 64), (43, 43)), ((2, 1, 1, 5000), (1, 1667))]
)
def test_kernels_of_other_dimensions(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    shown = picture(torch.randn(shape), KERNELS)
    assert shown is not None
    assert shown.height * shown.width * len(shown.tiles) <= CELLS
    if math.prod(shape[2:]) <= CELLS:
        assert (shown.height, shown.width) == size


@pytest.mark.parametrize("kind", [MEAN, MAX])
def test_a_matrix_is_reduced_in_whole_blocks(kind: PictureKind) -> None:
    weight = torch.randn(50, 130, dtype=torch.float64)
    shown = picture(weight, kind, height=20, width=60)
    assert shown is not None
    assert (shown.height, shown.width) == (17, 44)
    for row, column in ((0, 0), (3, 7), (16, 43)):
        block = weight[3 * row : 3 * row + 3, 3 * column : 3 * column + 3].abs()
        expected = block.mean() if kind is MEAN else block.max()
        assert shown.tiles[0][44 * row + column] == pytest.approx(expected.item())


def test_of_kernels_a_map_has_a_cell_for_each_channel() -> None:
    weight = torch.randn(8, 3, 5, 5)
    mean, largest = picture(weight, MEAN), picture(weight, MAX)
    assert mean is not None
    assert largest is not None
    assert torch.allclose(torch.tensor(mean.tiles[0]).reshape(8, 3), weight.abs().mean((2, 3)))
    assert torch.equal(torch.tensor(largest.tiles[0]).reshape(8, 3), weight.abs().amax((2, 3)))


def test_a_vector_is_one_row_and_what_has_no_picture_has_none() -> None:
    shown = picture(torch.tensor([1.0, -2.0]), MEAN)
    assert shown is not None
    assert (shown.height, shown.width, shown.tiles) == (1, 2, ((1.0, 2.0),))
    for weight in (torch.tensor(1.0), torch.zeros(0, 3)):
        assert picture(weight, MEAN) is None
    for weight in (torch.zeros(3), torch.zeros(3, 4), torch.zeros(3, 4, 0)):
        assert picture(weight, KERNELS) is None
    assert picture(torch.zeros(3, 4, 3, 3), KERNELS, kernel=3) is None
    assert picture(torch.zeros(3, 4, 3, 3), KERNELS, channel=4) is None


def test_complex_weights_show_their_absolute_value_and_half_precision_is_read() -> None:
    weight = torch.tensor([[3 + 4j, 0j]])
    shown, half = picture(weight, MAX), picture(torch.full((2, 2, 3, 3), 0.5, dtype=torch.bfloat16), KERNELS)
    assert shown is not None
    assert shown.tiles == ((5.0, 0.0),)
    assert half is not None
    assert set(half.tiles[0]) == {0.5}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("kind", [MEAN, MAX])
def test_a_cell_with_a_weight_that_is_not_finite_is_marked(bad: float, kind: PictureKind) -> None:
    weight = torch.ones(40, 120)
    weight[1, 1] = bad
    shown = picture(weight, kind)
    assert shown is not None
    assert shown.nonfinite == 1
    assert [number for number, value in enumerate(shown.tiles[0]) if math.isnan(value)] == [0]


@pytest.mark.parametrize(
    "numbers", [[], [0] * 7, [9, 0, 0, 1, 1, 1, 0, 1.0], [0, 0, 0, 1, 2, 2, 0, 1.0], [0, -1, 0, 1, 1, 1, 0, 1.0], [math.nan, 0, 0, 1, 1, 1, 0, 1.0]]
)
def test_what_is_no_picture_is_read_as_none(numbers: list[float]) -> None:
    assert Picture.from_numbers(numbers) is None


def test_a_picture_is_taken_at_once_and_then_every_second_while_somebody_looks(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    viewers, first = Viewers(), Wanted("2.weight", MEAN, height=10, width=10)
    second = Wanted("0.weight", MAX, height=10, width=10)
    with monitored(tmp_path, model, viewers=viewers, instruments=(Pictures,)) as (training, run, _):
        training.train(40)
        training.monitor.flush()
        assert not list(run.streams.glob("pictures*"))
        viewers.lease = Lease(pictures=frozenset({first, Wanted("gone", MEAN)}))
        training.train(50)  # in 2.5 s
        viewers.lease = Lease(pictures=frozenset({second}))
        training.train(4)
        viewers.lease = Lease()
        training.train(40)
    found = table(run, "pictures")
    assert found["parameter"] == [2.0, 2.0, 2.0, 0.0]
    assert found["picture"] == [MEAN, MEAN, MEAN, MAX]
    assert (found["height"][0], found["width"][0]) == (3, 8)
    assert found["v23"][0] > 0
    assert math.isnan(found["v24"][0])


def test_pictures_that_there_cannot_be_take_no_place_of_others(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    viewers = Viewers()
    impossible = [Wanted("0.weight", KERNELS, kernel=kernel) for kernel in range(4)]  # no kernels
    viewers.lease = Lease(pictures=frozenset({*impossible, Wanted("2.weight", MEAN, height=10, width=10)}))
    with monitored(tmp_path, model, viewers=viewers, instruments=(Pictures,)) as (training, run, _):
        training.train(4)
    assert table(run, "pictures")["parameter"] == [2.0]


def test_a_large_matrix_keeps_to_the_budget(tmp_path: Path) -> None:
    viewers = Viewers()
    viewers.lease = Lease(pictures=frozenset({Wanted("2.weight", MEAN, height=2, width=2)}))
    with monitored(tmp_path, viewers=viewers, clock=Clock(tick=0.05), budget=0.01, instruments=(Pictures,)) as (training, run, _):
        training.train(400)
    times = table(run, "pictures")["time"]
    assert len(times) > 2
    assert times[-1] - times[-2] >= 0.05 / 0.01


def test_a_layout_never_holds_more_cells_than_a_record() -> None:
    for shape in ((10**6, 1), (1, 10**6), (50_257, 768), (3, 3)):
        found = layout(shape, Wanted("w", MEAN, height=10**6, width=10**6))
        assert found is not None
        assert found.height * found.width <= CELLS
