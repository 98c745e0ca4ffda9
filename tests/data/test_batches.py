from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gradtop.trainer.config import TrainingConfig
from gradtop.trainer.data.batches import Batches, batch_count
from gradtop.trainer.data.dataset import ValidationBatches
from gradtop.trainer.data.normalise import Normalise
from gradtop.trainer.training.evaluate import evaluate


def batches(samples: int = 100, batch_size: int = 8, seed: int = 1, width: int = 4) -> Batches:
    images = torch.arange(float(samples)).repeat_interleave(width).view(samples, 1, 1, width)
    return Batches(images, torch.arange(samples), batch_size, seed=seed)


def test_an_epoch_shows_every_sample_once() -> None:
    seen = torch.cat([labels for _, labels in batches().epoch(0)])

    assert sorted(seen.tolist()) == list(range(100))


def test_images_and_labels_stay_together() -> None:
    for images, labels in batches().epoch(3):
        assert images[:, 0, 0, 0].tolist() == labels.tolist()


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = {tuple(batches(seed=seed).order(epoch).tolist()) for seed in (1, 2) for epoch in (0, 1, 2)}

    assert len(orders) == 6


@pytest.mark.parametrize("width", [4, 100_000])
def test_an_epoch_entered_in_the_middle_goes_on_with_the_same_batches(width: int) -> None:
    whole = [labels.tolist() for _, labels in batches(40, width=width).epoch(2)]

    for skip in range(len(whole)):
        assert [labels.tolist() for _, labels in batches(40, width=width).epoch(2, skip=skip)] == whole[skip:]


def test_the_batch_of_a_step_is_found_again() -> None:
    some = batches()
    trained = [labels for epoch in range(3) for _, labels in some.epoch(epoch)]

    for step, labels in enumerate(trained, start=1):
        assert torch.equal(some.of_step(step)[1], labels)


@pytest.mark.parametrize("width", [4, 100_000])
@pytest.mark.parametrize(
    ("samples", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (8, 4, [4, 4]), (3, 8, [3]), (1, 8, [1]), (3, 2, [3]), (3, 1, [1, 1, 1])],
)
def test_a_single_sample_that_is_left_over_joins_the_last_batch(
    samples: int, batch_size: int, sizes: list[int], width: int
) -> None:
    some = batches(samples, batch_size, width=width)

    assert sorted(label for _, labels in some.epoch(0) for label in labels.tolist()) == list(range(samples))
    assert [len(labels) for _, labels in some.epoch(0, skip=len(sizes) - 1)] == sizes[-1:]
    assert [len(labels) for _, labels in some.epoch(0)] == sizes
    assert some.per_epoch == len(sizes)


def test_stored_images_are_prepared_once_per_gather_and_give_the_same_batches() -> None:
    stored = torch.randint(256, (100, 3, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    normalise = Normalise((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    calls: list[int] = []

    def prepare(images: torch.Tensor) -> torch.Tensor:
        calls.append(len(images))
        return normalise(images)

    some = Batches(stored, torch.arange(100), 8, seed=1, prepare=prepare)
    for images, labels in some.epoch(0):
        assert images.dtype == torch.float32
        assert torch.equal(images, normalise(stored[labels]))
    assert calls == [100]


@pytest.mark.parametrize("skip", [1, 3, 7])
def test_a_prepared_batch_is_the_same_to_the_bit_wherever_the_epoch_was_entered(skip: int) -> None:
    # Odd sizes, so that images lie at every place in the vectors that the processor computes with.
    stored = torch.randint(256, (90, 3, 7, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    some = Batches(stored, torch.arange(90), 7, seed=1, prepare=Normalise((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)))
    whole = [images.clone() for images, _ in some.epoch(4)]

    again = [images for images, _ in some.epoch(4, skip=skip)]

    assert all(torch.equal(one, other) for one, other in zip(whole[skip:], again, strict=True))
    assert torch.equal(some.of_step(4 * some.per_epoch + skip + 1)[0], whole[skip])


def test_what_is_gathered_at_once_is_counted_in_prepared_bytes() -> None:
    """Else a gather of bytes would be four times the size of the cache once it is float."""
    stored = torch.zeros(1024, 1, 32, 32, dtype=torch.uint8)
    calls: list[int] = []

    def prepare(images: torch.Tensor) -> torch.Tensor:
        calls.append(len(images))
        return images.float()

    list(Batches(stored, torch.zeros(1024), 16, seed=0, prepare=prepare).epoch(0))

    assert calls == [256] * 4


def test_evaluation_prepares_what_is_stored_and_counts_every_sample() -> None:
    labels = torch.arange(50) % 2
    stored = (labels * 255).to(torch.uint8).view(50, 1, 1, 1)
    linear = nn.Linear(1, 2, bias=False)
    model = nn.Sequential(nn.Flatten(), linear, nn.Dropout(0.5))
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[-1.0], [1.0]]))

    score = evaluate(model, model, ValidationBatches(stored, labels, 16, Normalise((0.5,), (0.5,))))

    assert score.accuracy == 1.0
    assert score.loss == pytest.approx(math.log1p(math.exp(-2)))
    assert model.training


@pytest.mark.gpu
def test_batches_are_prepared_where_they_lie() -> None:
    stored = torch.zeros(10, 1, 2, 2, dtype=torch.uint8, device="cuda")

    images, _ = next(Batches(stored, torch.zeros(10, device="cuda"), 4, seed=0, prepare=Normalise((0.5,), (0.5,))).epoch(0))

    assert images.device == stored.device


@given(samples=st.integers(0, 300), batch_size=st.integers(1, 70), accumulate=st.integers(1, 5))
def test_the_steps_of_an_epoch_are_known_without_opening_the_data(samples: int, batch_size: int, accumulate: int) -> None:
    training = TrainingConfig(batch_size=batch_size, accumulate=accumulate)

    assert training.steps_per_epoch(samples) == -(-batch_count(samples, batch_size) // accumulate)
