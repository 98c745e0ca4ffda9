"""Pictures with masks in folders: which belong together, what their values mean, and that both become the same square."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gradtop.trainer.config import ImageFolder
from gradtop.trainer.data import prepared as prepared_data
from gradtop.trainer.data.kinds.image_folder import masked as masked_folder
from gradtop.trainer.data.kinds.image_folder.masked import MaskedFolder
from gradtop.trainer.data.kinds.image_folder.masks import look_at
from gradtop.trainer.data.kinds.image_folder.pairs import MaskPair
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.targets import MASKS, WantedTargets
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import listening
from tests.data.mask_files import IGNORED, SIDE, labels, picture_of, write_pairs


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gradtop" / "prepared"


def load(root: Path, *, ignored: int | None = IGNORED, **settings: Any) -> MaskedFolder:
    config = ImageFolder(root=str(root), image_size=SIDE, workers=0, **settings)
    found = load_data(config, seed=0, wanted=WantedTargets(MASKS, ignored))
    assert isinstance(found, MaskedFolder)
    return found


def palette(mask: np.ndarray[Any, Any], path: Path) -> None:
    image = Image.fromarray(mask, "P")
    image.putpalette([200, 10, 30] * 256)
    image.save(path)


def deep(mask: np.ndarray[Any, Any], path: Path) -> None:
    Image.fromarray(mask.astype(np.uint16)).save(path)


@pytest.mark.parametrize("write", [None, palette, deep], ids=["grey", "palette", "16 bits"])
def test_a_mask_is_that_of_the_picture_of_its_name_as_its_values_are_stored(tmp_path: Path, write: Any) -> None:
    source = load(write_pairs(tmp_path / "data", write=write), validation=0.25)
    assert (source.info.classes, source.info.pixels, source.classes) == (3, True, ("0", "1", "2"))
    assert (len(source.train), len(source.val), source.labels) == (6, 2, None)
    inputs, masks = next(iter(source.training(6, seed=0, device=torch.device("cpu")).epoch(0)))
    assert (masks.shape, masks.dtype) == ((6, SIDE, SIDE), torch.int64)
    stored = source.prepare.undone(inputs)[:, 0].round().long()
    assert torch.equal(stored, torch.where(masks == IGNORED, 255, masks * 80))


def test_another_form_is_cut_and_scaled_as_the_picture_is_each_pixel_of_the_nearest_label(tmp_path: Path) -> None:
    source = load(write_pairs(tmp_path / "data", width=3 * SIDE, height=2 * SIDE), validation=0.25)
    inputs, masks = next(iter(source.validation(8, torch.device("cpu"))))
    stored = source.prepare.undone(inputs)[:, 0]
    assert set(masks.unique().tolist()) <= {0, 1, 2, IGNORED}
    clear = [(stored - value).abs() < 1.0 for value in (0, 80, 160)]
    for label, here in enumerate(clear):
        assert bool((masks[here] == label).all()), label
    assert sum(int(here.sum()) for here in clear) > 0.8 * masks.numel()
    middle = labels(0, 3 * SIDE, 2 * SIDE)[:, SIDE // 2 : -SIDE // 2][1::2, 1::2]
    assert int((torch.from_numpy(middle.astype(np.int64)) == 1).sum()) == int((masks[0] > 0).sum() - (masks[0] == IGNORED).sum())


@pytest.mark.parametrize("layout", ["train/images", "images/train"])
def test_folders_that_are_split_stay_so_whatever_their_case(tmp_path: Path, layout: str) -> None:
    parts = {"Train": 4, "Valid": 3}
    for part, count in parts.items():
        whole = write_pairs(tmp_path / part, count)
        for name in ("images", "masks"):
            place = tmp_path / "data" / (f"{part}/{name}" if layout == "train/images" else f"{name}/{part}")
            place.parent.mkdir(parents=True, exist_ok=True)
            (whole / name).rename(place)
    source = load(tmp_path / "data")
    assert (len(source.train), len(source.val)) == (4, 3)


def test_values_that_are_named_are_the_classes_in_their_order(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "data", write=lambda mask, path: Image.fromarray(np.where(mask == 1, 255, 0).astype(np.uint8)).save(path))
    source = load(root, mask_values=(0, 255))
    assert (source.info.classes, source.classes) == (2, ("0", "255"))
    _, masks = next(iter(source.validation(8, torch.device("cpu"))))
    assert set(masks.unique().tolist()) <= {0, 1}
    one = load(write_pairs(tmp_path / "bits", write=lambda mask, path: Image.fromarray(mask == 1).save(path)))
    assert one.info.classes == 2


def colour(mask: np.ndarray[Any, Any], path: Path) -> None:
    picture_of(mask).save(path)


@pytest.mark.parametrize(
    ("change", "settings", "said"),
    [
        (lambda root: (root / "masks" / "3.png").unlink(), {}, "{root}/images/3.png has no mask; {root}/masks/3.png is expected"),
        (lambda root: [(root / "masks" / f"{each}.png").unlink() for each in (3, 4)], {}, "images/3.png has no mask, nor 1 more pictures"),
        (lambda root: Image.fromarray(labels(0, 8, 8)).save(root / "masks" / "2.png"), {}, "the mask {root}/masks/2.png is 8×8 pixels, and its picture {root}/images/2.png 16×16"),
        (lambda root: Image.fromarray(labels(0) + 7).save(root / "masks" / "5.png"), {"mask_values": (0, 1, 2)}, "the mask {root}/masks/5.png has the value 6, which is none of 0, 1, 2, nor 255"),
        (lambda root: Image.fromarray(labels(0) * 100).save(root / "masks" / "5.png"), {}, "the masks have the values 0, 1, 2, 100"),
        (lambda root: Image.fromarray(labels(0)).save(root / "masks" / "2.bmp"), {}, "have the same name"),
        (lambda root: (root / "masks").rename(root / "labels"), {}, "needs a folder images and beside it a folder masks"),
        (lambda root: (root / "masks" / "1.png").rename(root / "masks" / "1.jpg"), {}, "masks/1.jpg is of a format that changes values"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path: Path, change: Any, settings: Any, said: str) -> None:
    root = write_pairs(tmp_path / "data")
    change(root)
    with pytest.raises(UserError) as error:
        load(root, **settings)
    assert said.format(root=root) in str(error.value)


def test_masks_of_0_and_255_are_not_one_class_in_silence(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "data", write=lambda mask, path: Image.fromarray(np.where(mask == 1, 255, 0).astype(np.uint8)).save(path))
    with pytest.raises(UserError, match=r"the masks have the value 0 beside 255, which is ignored .* such as data.mask_values = \[0, 255\]"):
        load(root)


@pytest.mark.parametrize("part", ["train", "val"])
def test_masks_without_a_label_are_counted_and_refused_where_all_are_so(tmp_path: Path, part: str) -> None:
    for name in ("train", "val"):
        write_pairs(tmp_path / name, 4)
    masks = sorted((tmp_path / part / "masks").iterdir())
    name = {"train": "training", "val": "validation"}[part]
    for path in masks[:3]:
        Image.fromarray(np.full((SIDE, SIDE), IGNORED, np.uint8)).save(path)
    (note,) = (note for note in load(tmp_path).survey.notes if "no label" in note)
    assert note.startswith(f"{tmp_path}: the masks for {name}: 3 of 4 samples have no label but 255")
    Image.fromarray(np.full((SIDE, SIDE), IGNORED, np.uint8)).save(masks[3])
    with pytest.raises(UserError, match=f"no pixel of the masks for {name} has a label: all are 255"):
        load(tmp_path)


def test_a_mask_that_cannot_be_read_is_left_out_with_its_picture(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "data", 30)
    colour(labels(0), root / "masks" / "4.png")
    source = load(root)
    (left,) = source.reading.left_out.values()
    assert left.path == str(root / "images" / "4.png")
    assert "a mask has a palette or grey values" in left.reason
    assert sum(len(targets) for _, targets in source.training(7, seed=0, device=torch.device("cpu")).epoch(0)) == len(source.train)


def test_masks_are_looked_through_once_and_again_when_one_has_changed(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, looked = write_pairs(tmp_path / "data"), list[str]()

    def counted(pair: MaskPair) -> list[int] | str:
        looked.append(pair.mask.path)
        return look_at(pair)

    monkeypatch.setattr(masked_folder, "look_at", counted)
    first = load(root)
    assert len(looked) == 8
    assert load(root).classes == first.classes
    assert len(looked) == 8
    (kept,) = own_cache.iterdir()
    assert json.loads(kept.read_text())["wrong"] == {}
    changed = labels(0)
    changed[0, 0] = 3
    Image.fromarray(changed).save(root / "masks" / "6.png")
    assert load(root).info.classes == 4
    assert len(looked) == 16
    kept.write_text("{")
    os.truncate(next(each for each in own_cache.iterdir() if each != kept), 3)
    assert load(root).info.classes == 4
    assert len(looked) == 24


def test_what_was_used_longest_ago_is_forgotten_first(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.json").write_text("x" * 100)
        os.utime(tmp_path / f"{number}.json", (number, number))
    prepared_data.forget(tmp_path, most_files=4)
    assert sorted(each.stem for each in tmp_path.iterdir()) == ["2", "3", "4", "5"]
    prepared_data.forget(tmp_path, most_bytes=250)
    assert sorted(each.stem for each in tmp_path.iterdir()) == ["4", "5"]


def test_a_full_disk_keeps_nothing_and_costs_nothing(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prepared_data, "write_atomically", full)
    assert load(write_pairs(tmp_path / "data")).info.classes == 3
    assert not list(own_cache.iterdir())


def test_the_look_is_counted_and_ends_where_the_listener_raises(tmp_path: Path, own_cache: Path) -> None:
    root, heard = write_pairs(tmp_path / "data"), []
    with listening(lambda *told: heard.append(told)):
        load(root)
    assert ("looking through the masks", 0, 8) in heard

    class Ended(Exception):
        pass

    def end(*_: object) -> None:
        raise Ended

    Image.fromarray(labels(1)).save(root / "masks" / "6.png")
    with listening(end), pytest.raises(Ended):
        load(root)
    assert len(list(own_cache.iterdir())) == 1
