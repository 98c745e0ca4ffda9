from __future__ import annotations

import pytest
import torch

from trainer.batches import Batches


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


@pytest.mark.parametrize(
    ("samples", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 4]), (8, 4, [4, 4]), (3, 8, [3]), (1, 8, [1])],
)
def test_the_last_batch_is_kept_unless_it_is_a_single_sample(
    samples: int, batch_size: int, sizes: list[int]
) -> None:
    some = batches(samples, batch_size)

    assert [len(labels) for _, labels in some.epoch(0)] == sizes
    assert some.per_epoch == len(sizes)
