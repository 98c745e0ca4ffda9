from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from gradtop.trainer.config import AugmentConfig, Cifar10, Digits, Fake
from gradtop.trainer.data import transforms as ways
from gradtop.trainer.data.augment import Augmentation, augmentation
from gradtop.trainer.data.dataset import DataInfo, Dataset
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.normalise import Normalise
from gradtop.trainer.data.transforms import Draws
from gradtop.trainer.runtime.errors import UserError

CPU = torch.device("cpu")
COUNT, SIZE, CLASSES = 400, 8, 5
NORMALISE = Normalise((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


def stored(count: int = COUNT, *, floats: bool = False) -> Dataset:
    """One and the same image of noise again and again: what differs afterwards was varied differently."""
    one = torch.randint(1, 256, (1, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    one[0, :, 0, 0], one[0, :, 0, 1] = 0, 255
    images, labels = one.repeat(count, 1, 1, 1), torch.arange(count) % CLASSES
    info = DataInfo(channels=3, size=SIZE, classes=CLASSES)
    if floats:
        return Dataset(NORMALISE(images), labels, NORMALISE(images), labels, info)
    return Dataset(images, labels, images, labels, info, NORMALISE)


def varying(source: Dataset, seed: int = 0, **strengths: Any) -> Augmentation:
    made = augmentation(AugmentConfig(**strengths), source, seed=seed)
    assert made is not None
    return made


def varied(source: Dataset, number: int = 0, **strengths: Any) -> tuple[Tensor, Tensor]:
    return varying(source, **strengths)(source.train_images, source.train_labels, number)


def ready(source: Dataset) -> Tensor:
    return source.prepare(source.train_images) if source.prepare else source.train_images


def different(images: Tensor) -> int:
    return len(torch.unique(images.flatten(1), dim=0))


EACH: dict[str, Any] = {"flip": 0.5, "rotation": 30.0, "crop": 3, "brightness": 0.5, "contrast": 0.5, "erasing": 1.0}


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("name", EACH)
def test_samples_of_one_batch_get_draws_of_their_own(name: str, floats: bool) -> None:
    images, _ = varied(stored(floats=floats), **{name: EACH[name]})

    assert images.dtype == torch.float32
    assert different(images) == (2 if name == "flip" else 49 if name == "crop" else different(images))
    assert different(images) > (1 if name == "flip" else 40)


def test_torchvision_draws_once_for_a_whole_batch() -> None:
    """Why its transforms are not used here."""
    batch = stored().train_images
    assert different(v2.RandomRotation(30)(batch)) == 1
    assert different(v2.ColorJitter(brightness=0.5)(batch)) == 1


@pytest.mark.parametrize("floats", [False, True])
def test_seed_and_number_of_the_batch_decide_and_no_other_random_state_is_touched(floats: bool) -> None:
    source = stored(floats=floats)
    everything: dict[str, Any] = {**EACH, "mixup": 0.4, "cutmix": 1.0}
    before = torch.get_rng_state()
    again = [varying(source, seed, **everything)(source.train_images, source.train_labels, number) for seed, number in ((1, 7), (1, 7), (1, 8), (2, 7))]

    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one, other) for one, other in zip(again[0], again[1], strict=True))
    assert not torch.equal(again[0][0], again[2][0])
    assert not torch.equal(again[0][0], again[3][0])


@pytest.mark.parametrize("floats", [False, True])
def test_what_is_stored_stays_as_it_is(floats: bool) -> None:
    source = stored(50, floats=floats)
    before = source.train_images.clone()
    varied(source, **EACH, mixup=0.4, cutmix=1.0)

    assert torch.equal(source.train_images, before)


def test_nothing_is_done_where_all_strengths_are_zero() -> None:
    assert augmentation(AugmentConfig(), stored(), seed=0) is None


@pytest.mark.parametrize("floats", [False, True])
def test_each_way_at_strength_zero_leaves_every_bit_as_it_was(floats: bool) -> None:
    # With a share of erasing that chooses no image, all that there is to see is what the others do at zero.
    source = stored(floats=floats)
    images, labels = varied(source, erasing=1e-12)

    assert torch.equal(images, ready(source))
    assert torch.equal(labels, source.train_labels)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_that_share_of_images_is_mirrored_and_exactly(share: float) -> None:
    source = stored(4_000)
    images, _ = varied(source, flip=share)
    plain = ready(source)
    mirrored = (images == plain.flip(-1)).flatten(1).all(1)

    assert torch.equal(images[~mirrored], plain[~mirrored])
    assert abs(mirrored.float().mean() - share) < 4 * math.sqrt(0.25 / 4_000)


def test_images_are_shifted_by_whole_pixels_and_what_comes_in_is_black() -> None:
    images = torch.arange(1.0, 1 + SIZE * SIZE).view(1, 1, SIZE, SIZE).repeat(2_000, 1, 1, 1)
    moved = ways.shift(images, 2, torch.full((1, 1, 1), -1.0), Draws(2_000, CPU, 1))
    framed = torch.nn.functional.pad(images[0], (2, 2, 2, 2), value=-1.0)
    places = {(top, left): framed[:, top : top + SIZE, left : left + SIZE] for top in range(5) for left in range(5)}
    counts = [int((moved == window).flatten(1).all(1).sum()) for window in places.values()]

    assert sum(counts) == 2_000
    assert min(counts) > 40


def test_a_shift_beyond_the_picture_leaves_it_black_or_in_sight() -> None:
    images, _ = varied(stored(2_000), crop=1_000)
    black = (images == NORMALISE(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))).flatten(1).all(1)

    # Of 2001 shifts each way, 15 leave something of 8 pixels in sight.
    assert 0.98 < black.float().mean() <= 1


def test_angles_are_spread_evenly_up_to_the_largest() -> None:
    """A bright dot right of the middle tells the angle."""
    images = torch.zeros(3_000, 1, 65, 65)
    images[:, :, 30:35, 50:55] = 1.0
    turned = ways.rotate(images, 40.0, Draws(3_000, CPU, 3))[:, 0]
    down = (turned.sum(2) * (torch.arange(65) - 32.0)).sum(1) / turned.sum((1, 2))
    right = (turned.sum(1) * (torch.arange(65) - 32.0)).sum(1) / turned.sum((1, 2))
    angles = torch.atan2(down, right) * 180 / math.pi

    assert angles.abs().max() < 40.5
    assert angles.min() < -39
    assert angles.max() > 39
    assert abs(angles.mean()) < 2
    assert angles.std() == pytest.approx(80 / math.sqrt(12), rel=0.05)
    assert torch.allclose(torch.hypot(down, right), torch.full((3_000,), 20.0), atol=0.3)


def test_a_quarter_turn_is_that_of_torch_also_where_an_image_is_not_square() -> None:
    class Quarter(Draws):
        def uniform(self, low: float, high: float) -> Tensor:
            return torch.full((self.count,), high)

    square = torch.rand(1, 2, 6, 6)
    assert torch.allclose(ways.rotate(square, 90.0, Quarter(1, CPU, 0)), torch.rot90(square, 1, (2, 3)), atol=1e-5)
    wide = torch.rand(1, 1, 4, 8)
    middle = ways.rotate(wide, 90.0, Quarter(1, CPU, 0))[..., 2:6]
    assert torch.allclose(middle, torch.rot90(wide[..., 2:6], 1, (2, 3)), atol=1e-5)


@pytest.mark.parametrize("name", ["brightness", "contrast"])
def test_light_is_changed_as_torchvision_does_it_and_within_the_strength(name: str) -> None:
    light = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2)) * 0.5 + 0.2
    many = light.repeat(500, 1, 1, 1)
    way, theirs = {"brightness": (ways.brighten, v2.functional.adjust_brightness), "contrast": (ways.contrast, v2.functional.adjust_contrast)}[name]
    changed = way(many, 0.3, Draws(500, CPU, 4))
    factors = Draws(500, CPU, 4).uniform(0.7, 1.3)

    for image, factor in zip(changed[:50], factors[:50].tolist(), strict=True):
        assert torch.allclose(image, theirs(light[0], factor), atol=1e-3)
    assert factors.min() < 0.71
    assert factors.max() > 1.29


def test_a_rectangle_of_that_share_of_images_is_erased_to_black() -> None:
    source = stored(2_000)
    images, _ = varied(source, erasing=0.3)
    black = NORMALISE(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))
    gone = (images == black).all(1)
    changed = (images != ready(source)).flatten(1).any(1)

    assert abs(changed.float().mean() - 0.3) < 0.05
    for mask in gone[changed][:100]:
        # This one was black from the start; a rectangle with or without it is one.
        mask[0, 0] &= mask[0, 1] & mask[1, 0]
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


@pytest.mark.parametrize("floats", [False, True])
def test_black_is_black_in_bytes_and_in_values_that_are_normalised(floats: bool) -> None:
    source = stored(floats=floats)
    black = NORMALISE(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))
    each: tuple[dict[str, Any], ...] = ({"crop": 3}, {"rotation": 45.0}, {"erasing": 1.0}, {"brightness": 1.0})
    for strengths in each:
        images, _ = varied(source, **strengths)
        assert torch.allclose(images.amin((0, 2, 3)), black.flatten(), atol=1e-5)


def test_bytes_and_the_same_images_normalised_are_varied_alike() -> None:
    strengths: dict[str, Any] = {**EACH, "mixup": 0.4, "cutmix": 1.0}
    for one, other in zip(varied(stored(), **strengths), varied(stored(floats=True), **strengths), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("strengths", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_labels_become_shares_that_sum_to_one_and_are_those_of_the_pixels(strengths: dict[str, Any]) -> None:
    """Each image is of the colour of its class, so that its pixels tell the shares."""
    labels = torch.arange(COUNT) % 2
    images = (labels.view(-1, 1, 1, 1) * 255).to(torch.uint8).expand(-1, 1, 16, 16).contiguous()
    source = Dataset(images, labels, images, labels, DataInfo(channels=1, size=16, classes=2), Normalise((0.0,), (1.0,)))
    mixed, shares = varied(source, **strengths)

    assert shares.dtype == torch.float32
    assert shares.shape == (COUNT, 2)
    assert torch.allclose(shares.sum(1), torch.ones(COUNT))
    assert torch.allclose(mixed.mean((1, 2, 3)), shares[:, 1], atol=1e-4)
    assert different(shares) > 50


def test_labels_stay_whole_numbers_where_no_images_are_mixed() -> None:
    source = stored()
    assert torch.equal(varied(source, **EACH)[1], source.train_labels)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 8.0])
def test_shares_are_drawn_from_the_beta_distribution(alpha: float) -> None:
    drawn = Draws(20_000, CPU, 5).beta(alpha)

    assert drawn.isfinite().all()
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert drawn.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


def test_whole_draws_reach_both_ends_and_never_go_beyond() -> None:
    drawn = Draws(30_000, CPU, 6).whole(3)

    assert torch.bincount(drawn).tolist() == pytest.approx([7_500] * 4, rel=0.05)
    assert Draws(100_000, CPU, 6).whole(torch.zeros(100_000, dtype=torch.int64)).max() == 0


def test_a_batch_of_one_image_can_be_varied() -> None:
    images, shares = varied(stored(1), **EACH, mixup=0.4, cutmix=1.0)

    assert images.shape == (1, 3, SIZE, SIZE)
    assert shares.tolist() == [[1.0, 0.0, 0.0, 0.0, 0.0]]


def test_what_is_black_of_each_kind_of_data() -> None:
    digits, fake = load_data(Digits(), seed=0), load_data(Fake(samples=20), seed=0)
    assert isinstance(fake, Dataset)
    assert digits.tones is not None
    assert fake.tones is not None
    assert digits.tones.black.item() == pytest.approx(-4.884 / 6.017)
    assert digits.tones.white.item() == pytest.approx((16 - 4.884) / 6.017)
    assert torch.equal(fake.tones.black.flatten(), fake.train_images.amin((0, 2, 3)))
    assert Cifar10().shape.channels == 3


def test_data_that_are_no_images_are_told_of() -> None:
    vectors, labels = torch.randn(10, 4), torch.arange(10) % 2
    source = Dataset(vectors, labels, vectors, labels, DataInfo(channels=4, size=1, classes=2))
    with pytest.raises(UserError, match=r"augment.crop requires images, and the inputs are not images; set it to 0"):
        augmentation(AugmentConfig(crop=1), source, seed=0)


@pytest.mark.gpu
def test_images_are_varied_where_they_lie() -> None:
    source = stored()
    made = varying(source, **EACH, mixup=0.4, cutmix=1.0)
    one, other = (made(source.train_images.cuda(), source.train_labels.cuda(), 3) for _ in range(2))

    assert one[0].is_cuda
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


IGNORED = 255


def masked(count: int = 200) -> Dataset:
    """Pictures that say of each pixel what its label is: 60 for 0, 120 for 1, 180 for 2; without an edge in them, no two pixels in a row are of one label."""
    masks = torch.randint(0, 3, (1, 4, 4), generator=torch.Generator().manual_seed(1)).repeat_interleave(4, 1).repeat_interleave(4, 2).repeat(count, 1, 1)
    images = (60 * (masks + 1)).to(torch.uint8).unsqueeze(1).expand(-1, 3, -1, -1).contiguous()
    return Dataset(images, masks, images, masks, DataInfo(channels=3, size=16, classes=3, pixels=True))


@pytest.mark.parametrize("ignored", [IGNORED, -1, 0])
def test_masks_move_with_their_pictures_and_what_comes_in_has_no_label(ignored: int) -> None:
    source = masked()
    made = augmentation(AugmentConfig(flip=0.5, crop=3), source, seed=3, ignored=ignored)
    assert made is not None
    images, masks = made(source.train_images, source.train_labels, 7)
    assert (masks.shape, masks.dtype) == (source.train_labels.shape, torch.int64)
    wanted = torch.full_like(masks, ignored)
    for label in range(3):
        wanted[images[:, 0] == 60 * (label + 1)] = label
    assert torch.equal(masks, wanted)
    assert different(masks.unsqueeze(1)) > 50
    assert bool((images[:, 0] == 0).any())


def test_masks_turn_with_their_pictures_by_the_nearest_label() -> None:
    source = masked()
    made = augmentation(AugmentConfig(flip=0.5, crop=2, rotation=45.0, brightness=0.0), source, seed=3, ignored=IGNORED)
    assert made is not None
    images, masks = made(source.train_images, source.train_labels, 7)
    assert set(masks.unique().tolist()) <= {0, 1, 2, IGNORED}
    clear = 0
    for value, label in ((0, IGNORED), (60, 0), (120, 1), (180, 2)):
        # Where all four neighbours are of one label, the picture has its value.
        here = ((images - value).abs() < 1e-3).all(1)
        if label in {IGNORED, 0, 2}:  # 120 comes between 60 and 180, too
            assert bool((masks[here] == label).float().mean() > 0.995), label
        clear += int(here.sum())
    assert clear > 0.3 * masks.numel()
    assert len({round(float(share), 3) for share in (masks == IGNORED).float().mean((1, 2))}) > 20


def test_without_what_moves_pixels_masks_stay() -> None:
    source = masked(4)
    made = augmentation(AugmentConfig(brightness=0.5), source, seed=0, ignored=IGNORED)
    assert made is not None
    assert torch.equal(made(source.train_images, source.train_labels, 0)[1], source.train_labels)
