"""The test set that each kind of data holds out: it is in neither of the other parts, and comes in place of the validation set when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from gradtop.trainer.config import ImageFolder, Mnist, SavedDataset, Text
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.config.validate import validate
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.held_out import has_held_out, with_held_out
from gradtop.trainer.data.kinds.text.loader import TextSource
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.targets import MASKS, ONE_CLASS, WantedTargets
from gradtop.trainer.runtime.errors import UserError
from tests.data.files import mnist_files, put
from tests.data.mask_files import IGNORED, SIDE, write_pairs

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def held_out_batches(source: Source) -> tuple[torch.Tensor, torch.Tensor]:
    found = with_held_out(source)
    assert found is not None
    batches = list(found.validation(3, CPU))
    return torch.cat([inputs for inputs, _ in batches]), torch.cat([targets for _, targets in batches])


def masked(root: Path) -> Source:
    return load_data(ImageFolder(root=str(root), image_size=SIDE, workers=0), seed=0, wanted=WantedTargets(MASKS, IGNORED))


@pytest.mark.parametrize("layout", ["test/images", "images/test"])
def test_of_pictures_with_masks_a_folder(tmp_path: Path, layout: str) -> None:
    for part, count in {"train": 4, "val": 3, "test": 5}.items():
        whole = write_pairs(tmp_path / part, count)
        for name in ("images", "masks"):
            place = tmp_path / "data" / (f"{part}/{name}" if layout == "test/images" else f"{name}/{part}")
            place.parent.mkdir(parents=True, exist_ok=True)
            (whole / name).rename(place)
    source = masked(tmp_path / "data")
    assert sum("is a test set: it is evaluated once" in note for note in source.survey.notes) == 1
    inputs, masks = held_out_batches(source)
    assert masks.shape == (5, SIDE, SIDE)
    stored = source.prepare.undone(inputs)[:, 0].round().long()  # type: ignore[union-attr]
    assert torch.equal(stored, torch.where(masks == IGNORED, 255, masks * 80))


def test_of_masks_a_value_that_is_no_class_is_named_when_it_is_read(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_pairs(tmp_path / part, 4)
    Image.fromarray(np.full((SIDE, SIDE), 7, np.uint8)).save(tmp_path / "test" / "masks" / "2.png")
    with pytest.raises(UserError, match=r"data\.mask_values: the mask .*/test/masks/2\.png has the value 7, which is none of 0, 1, 2"):
        with_held_out(masked(tmp_path))


def saved(root: Path, test: dict[str, Any]) -> Path:
    features = datasets.Features({"x": datasets.List(datasets.Value("float32")), "label": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"x": [[float(number)] for number in range(20)], "label": [0, 1] * 10}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows, features=features), "test": datasets.Dataset.from_dict(test, features=None if "label" not in test else features)}).save_to_disk(str(root))
    return root


def test_of_saved_data_sets_the_split(tmp_path: Path) -> None:
    source = load_data(SavedDataset(root=str(saved(tmp_path / "d", {"x": [[-1.0], [-2.0]], "label": [1, 0]})), workers=0), seed=0, wanted=ONE_CLASS)
    inputs, targets = held_out_batches(source)
    assert (inputs.flatten().tolist(), targets.tolist()) == ([-1, -2], [1, 0])
    assert any("is a test set" in note for note in source.survey.notes)


@pytest.mark.parametrize(("test", "why"), [({"x": [[1.0]], "label": [-1]}, "its rows have no class in column label"), ({"x": [[1.0]]}, "it lacks the column label")])
def test_a_split_without_targets_is_no_test_set_and_that_is_said(tmp_path: Path, test: dict[str, Any], why: str) -> None:
    source = load_data(SavedDataset(root=str(saved(tmp_path / "d", test)), workers=0), seed=0, wanted=ONE_CLASS)
    assert not has_held_out(source)
    assert source.survey.notes[-1] == f"test in {tmp_path / 'd'} is not used: {why}"


def text_source(tmp_path: Path, content: str, **settings: Any) -> TextSource:
    (tmp_path / "text").write_text(content)
    found = load_data(Text(file=str(tmp_path / "text"), **settings), seed=0, context=4)
    assert isinstance(found, TextSource)
    return found


def test_of_a_text_the_end_or_a_file(tmp_path: Path) -> None:
    content = "abcde" * 20
    whole, source = text_source(tmp_path, content), text_source(tmp_path, content, test=0.1)
    found = with_held_out(source)
    assert isinstance(found, TextSource)
    assert ["".join(source.vocabulary[number] for number in part.tolist()) for part in (source.training_part, source.validation_part, found.validation_part)] == [content[:80], content[80:90], content[90:]]
    assert not has_held_out(whole)
    (tmp_path / "more").write_text("edcba")
    other = with_held_out(text_source(tmp_path, content, test_file=str(tmp_path / "more")))
    assert isinstance(other, TextSource)
    assert other.validation_part.tolist() == [4, 3, 2, 1, 0]


def test_characters_that_only_the_test_set_has_count_as_one_more(tmp_path: Path) -> None:
    source = text_source(tmp_path, "ab" * 40 + "xy" * 10, test=0.2)
    assert (len(source.vocabulary), source.info.classes) == (2, 3)
    found = with_held_out(source)
    assert isinstance(found, TextSource)
    assert set(found.validation_part.tolist()) == {2}


def test_a_test_text_that_is_missing_or_given_twice_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.test_file: there is no file "):
        text_source(tmp_path, "abc" * 30, test_file=str(tmp_path / "none"))
    with pytest.raises(ConfigProblems, match=r"cannot be combined with data\.test_file"):
        validate({"model": {"kind": "transformer"}, "data": {"kind": "text", "test": 0.1, "test_file": "a"}})
    with pytest.raises(UserError, match=r"of the 30 characters of .*, 0 are for training"):
        text_source(tmp_path, "abc" * 10, test=0.6, validation=0.5)


def test_of_mnist_the_published_one_where_training_gives_a_part_for_validation(tmp_path: Path) -> None:
    put(tmp_path / "MNIST" / "raw", mnist_files())
    whole, source = (load_data(Mnist(root=str(tmp_path), validation=share), seed=0) for share in (0.0, 0.2))
    images, targets = held_out_batches(source)
    assert torch.equal(targets, whole.val_labels)  # type: ignore[attr-defined]
    assert len(images) == 20
    assert not has_held_out(whole)
    together = torch.cat([source.train_images, source.val_images]).flatten(1)  # type: ignore[attr-defined]
    assert (len(source.train_labels), len(source.val_labels)) == (24, 6)  # type: ignore[attr-defined]
    assert sorted(map(tuple, together.tolist())) == sorted(map(tuple, whole.train_images.flatten(1).tolist()))  # type: ignore[attr-defined]
    assert Mnist(validation=0.2).shape.samples == 48_000
