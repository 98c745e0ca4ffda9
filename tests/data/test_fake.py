from __future__ import annotations

import pytest
import torch

from gradtop.trainer.config import Fake
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.data.kinds.fake.loader import load
from gradtop.trainer.data.load import info_of
from gradtop.trainer.runtime.errors import UserError


def test_the_shape_is_the_one_asked_for() -> None:
    config = Fake(samples=1_000, classes=7, image_size=6, channels=2)
    data = load(config, seed=0)

    assert data.info == info_of(config) == DataInfo(channels=2, size=6, classes=7)
    assert data.train_images.shape == (1_000, 2, 6, 6)
    assert data.val_images.shape == (200, 2, 6, 6)
    assert set(data.train_labels.tolist()) == set(range(7))
    assert abs(data.train_images.mean()) < 0.1
    assert abs(data.train_images.std() - 1) < 0.1


def test_the_seed_decides_everything_and_touches_no_other_random_state() -> None:
    config = Fake(samples=50, image_size=4)
    before = torch.get_rng_state()
    one, same, other = load(config, seed=1), load(config, seed=1), load(config, seed=2)

    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.train_images, same.train_images)
    assert torch.equal(one.val_images, same.val_images)
    assert not torch.equal(one.train_images, other.train_images)


def test_validation_has_images_of_its_own() -> None:
    data = load(Fake(samples=64, image_size=4), seed=0)

    assert not (data.val_images[:, None] == data.train_images[None]).flatten(2).all(2).any()


def test_what_is_learned_from_the_training_images_holds_for_the_validation_images() -> None:
    """The nearest class mean is all that there is to learn."""
    data = load(Fake(samples=500, classes=5, image_size=8, channels=1), seed=0)
    means = torch.stack([data.train_images[data.train_labels == label].mean(0) for label in range(5)])

    found = torch.cdist(data.val_images.flatten(1), means.flatten(1)).argmin(1)

    assert (found == data.val_labels).float().mean() > 0.95


def test_more_images_than_there_is_memory_for_are_refused_before_the_machine_swaps() -> None:
    with pytest.raises(UserError, match=r"take [\d,.]+ GB of memory, and [\d,.]+ GB are free; make data.samples"):
        load(Fake(samples=10_000_000, image_size=4_096), seed=0)
