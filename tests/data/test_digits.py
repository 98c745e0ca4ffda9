from __future__ import annotations

import gzip
import hashlib
from importlib import resources

import torch
from torch import Tensor

from gradtop.trainer.config import Digits
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.data.kinds.digits.loader import load

# Of the 1,797 records in scikit-learn's digits.csv.gz, each as 64 bytes of pixels and one of label.
PUBLISHED = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"


def rows(images: Tensor) -> set[bytes]:
    return {bytes(image.numpy().tobytes()) for image in images}


def test_the_bundled_file_is_the_published_one_and_small() -> None:
    packed = resources.files("gradtop.trainer.data.kinds.digits").joinpath("digits.gz").read_bytes()

    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == PUBLISHED
    assert len(packed) < 60_000


def test_its_authors_and_licence_lie_beside_it() -> None:
    text = resources.files("gradtop.trainer.data.kinds.digits").joinpath("digits.txt").read_text(encoding="utf-8")

    assert "Alpaydin" in text
    assert "CC BY 4.0" in text


def test_the_digits_are_ready_for_a_model() -> None:
    data = load(Digits(), seed=0)

    assert data.info == DataInfo(channels=1, size=8, classes=10)
    assert data.prepare is None
    assert data.train_images.shape == (1_437, 1, 8, 8)
    assert data.val_images.shape == (360, 1, 8, 8)
    assert data.train_images.dtype == torch.float32
    assert data.train_labels.dtype == data.val_labels.dtype == torch.int64
    every = torch.cat([data.train_images, data.val_images])
    assert abs(every.mean()) < 1e-3
    assert abs(every.std() - 1) < 1e-3


def test_the_parts_share_no_image_and_leave_none_out() -> None:
    data = load(Digits(), seed=0)

    train, validation = rows(data.train_images), rows(data.val_images)
    assert not train & validation
    assert len(train | validation) == 1_797


def test_each_class_gives_a_fifth_to_validation() -> None:
    data = load(Digits(), seed=0)

    train, validation = data.train_labels.bincount(), data.val_labels.bincount()
    assert len(train) == len(validation) == 10
    assert ((validation - (train + validation) / 5).abs() < 1).all()


def test_the_split_is_the_same_for_every_seed_and_every_time() -> None:
    one, other = load(Digits(), seed=0), load(Digits(), seed=7)

    assert torch.equal(one.train_images, other.train_images)
    assert torch.equal(one.val_labels, other.val_labels)
    digest = hashlib.sha256(bytes(one.val_labels.tolist())).hexdigest()
    assert digest[:16] == "28beeed8f5e51f11"


def test_the_first_image_is_the_zero_that_everybody_knows() -> None:
    """The first record is for validation: the first of its class."""
    first = load(Digits(), seed=0).val_images[0, 0].mul(6.017).add(4.884).round().int()

    assert first[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert load(Digits(), seed=0).val_labels[0] == 0
