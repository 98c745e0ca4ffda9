"""Which batch sizes are tried, and what measured ones say: functions, without a process."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
import torch

from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.config import parse_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.jobs.batch_size.result import describe, headline, lines
from gradtop.trainer.jobs.batch_size.search import MeasuredSize, estimate, fast_enough, next_size, noise_scale
from gradtop.trainer.record import RunReader, Status, new_run


def tried(fits_up_to: int, *, smallest: int = 8, largest: int = 1 << 20, resolution: float = 0.05) -> list[int]:
    """The sizes that are tried where those up to `fits_up_to` fit."""
    found: dict[int, bool] = {}
    while (size := next_size(found, smallest=smallest, largest=largest, resolution=resolution)) is not None:
        assert size not in found
        found[size] = size <= fits_up_to
    return list(found)


def test_sizes_are_doubled_then_bisected() -> None:
    assert tried(100) == [8, 16, 32, 64, 128, 96, 112, 104, 100]
    assert tried(100, largest=100) == [8, 16, 32, 64, 100]
    assert tried(5, smallest=64) == [64, 32, 16, 8, 4, 6, 5]
    assert tried(0, smallest=4) == [4, 2, 1]
    assert tried(7, smallest=8, largest=3) == [3]


@pytest.mark.parametrize("seed", range(20))
def test_the_largest_that_fits_is_found_to_within_the_resolution(seed: int) -> None:
    draw = random.Random(seed)
    truth, smallest = draw.randint(1, 1 << 18), draw.randint(1, 4096)
    sizes = tried(truth, smallest=smallest, resolution=0.02)
    found = max(size for size in sizes if size <= truth)
    assert found <= truth <= found + max(0.02 * found, 1)
    assert len(sizes) <= 30


def test_the_smallest_fast_enough_size_is_the_knee_of_the_pace() -> None:
    paces = {8: 100.0, 16: 190.0, 32: 340.0, 64: 460.0, 128: 505.0, 256: 500.0}
    sizes = [MeasuredSize(size, 1.0, pace) for size, pace in paces.items()]
    assert fast_enough([*sizes, MeasuredSize(512, math.nan, math.nan)]) == 64
    assert fast_enough([]) is None


def test_the_estimate_is_the_line_through_two_sizes_and_waits_until_memory_has_grown() -> None:
    def memory(size: int) -> float:
        return max(1000.0 + 7.0 * size, 1500.0)  # below 72 an allocator hides it

    line = estimate([MeasuredSize(size, memory(size), 1.0) for size in (8, 16, 64, 128, 256, 512)])
    assert line is not None
    assert line.largest(1000.0 + 7.0 * 9000) == pytest.approx(9000, rel=0.2)
    assert line.largest(1.0) == 0
    assert estimate([MeasuredSize(8, 1500.0, 1.0), MeasuredSize(16, 1500.0, 1.0)]) is None
    assert estimate([MeasuredSize(8, 1500.0, 1.0), MeasuredSize(16, math.nan, math.nan)]) is None


def test_the_noise_scale_is_that_of_the_gradients_own_distribution() -> None:
    """Gradients of single samples are drawn around a mean with a known covariance: tr(Σ)/|G|² is known."""
    torch.manual_seed(0)
    mean, deviation = torch.full((50,), 0.3, dtype=torch.float64), torch.linspace(0.5, 2.0, 50, dtype=torch.float64)
    truth = float(deviation.square().sum() / mean.square().sum())
    batch, batches = 16, 4000
    gradients = (mean + deviation * torch.randn(batches, batch, 50, dtype=torch.float64)).mean(1)
    found = noise_scale(batch, batches, float(gradients.square().sum(1).mean()), float(gradients.mean(0).square().sum()))
    assert found == pytest.approx(truth, rel=0.03)
    assert noise_scale(8, 4, 10.0, 1.0) is None  # the mean of four batches is no larger than noise alone would be


@pytest.mark.parametrize(
    ("words", "key"), [("batch_size.largest=4", "batch_size.largest"), ("batch_size.memory=1.5", "batch_size.memory"), ("batch_size.noise_batches=1", "batch_size.noise_batches")]
)
def test_settings_that_cannot_be_are_refused_by_name(words: str, key: str) -> None:
    with pytest.raises(ConfigProblems) as refused:
        parse_config("", overrides=[words], job="batch_size")
    assert key in str(refused.value)


def test_lists_and_events_tell_it_in_a_few_words() -> None:
    result = {"largest": 1437, "fast_enough": 256}
    assert headline(Status(result=result)) == f"batch ≤ {number(1437)}"
    assert describe({"kind": "batch_size", **result}) == (f"batch size: up to {number(1437)}, fast enough from 256", "success")
    assert describe({"kind": "batch_size"}) == ("batch size: none fits", "warning")
    assert headline(Status(result={"largest": "many"})) == ""


def test_a_line_of_memory_that_begins_below_zero_has_no_fixed_share(tmp_path: Path) -> None:
    reader = RunReader(new_run(tmp_path, "", {}))
    for fixed, said in ((-1000.0, "1.0 KiB per sample, of 1.0 MiB"), (2048.0, "2.0 KiB + 1.0 KiB per sample, of 1.0 MiB")):
        reader.status = reader.status._replace(result={"memory_per_sample": 1024.0, "memory_fixed": fixed, "memory_free": float(1 << 20)})
        assert dict(lines(reader))["memory"] == f"{said} that may be used"
