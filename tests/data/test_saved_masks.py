"""Masks in data sets as the library datasets saves them: read as those of a folder are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from gradtop.trainer.config import SavedDataset
from gradtop.trainer.data.held_out import with_held_out
from gradtop.trainer.data.kinds.custom.loader import CustomSource
from gradtop.trainer.data.kinds.hf import masks as mask_rows
from gradtop.trainer.data.kinds.hf.loader import load
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.targets import MASKS, WantedTargets
from gradtop.trainer.runtime.errors import UserError
from tests.data.mask_files import IGNORED, SIDE, labels, picture_of

CPU = torch.device("cpu")
WANTED = WantedTargets(MASKS, IGNORED)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    datasets.disable_progress_bars()


def saved(root: Path, count: int = 8, change: Any = lambda _row, mask: mask, names: tuple[str, str] = ("image", "mask"), **splits: range) -> Path:
    masks = [labels(number) for number in range(count)]
    columns: dict[str, Any] = {names[0]: [picture_of(mask) for mask in masks], names[1]: [Image.fromarray(change(row, mask)) for row, mask in enumerate(masks)], "scene": ["street"] * count}
    whole = datasets.Dataset.from_dict(columns, features=datasets.Features({names[0]: datasets.Image(), names[1]: datasets.Image(), "scene": datasets.Value("string")}))
    (datasets.DatasetDict({name: whole.select(rows) for name, rows in splits.items()}) if splits else whole).save_to_disk(str(root))
    return root


def opened(root: Path, wanted: WantedTargets = WANTED, **settings: Any) -> CustomSource:
    found = load(SavedDataset(root=str(root), workers=0, image_size=SIDE, **settings), seed=0, wanted=wanted)
    assert isinstance(found, CustomSource)
    return found


def refused(root: Path, wanted: WantedTargets = WANTED, **settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        opened(root, wanted, **settings)
    return str(caught.value).replace(str(root), "ROOT")


@pytest.mark.parametrize("names", [("image", "mask"), ("pixel_values", "label"), ("photo", "annotation")])
def test_a_mask_is_that_of_the_picture_in_its_row_as_its_values_are_stored(tmp_path: Path, names: tuple[str, str]) -> None:
    source = opened(saved(tmp_path / "cells", names=names, train=range(6), val=range(6, 8)))
    assert (source.info.classes, source.info.pixels, source.fingerprint().classes, source.labels) == (3, True, ("0", "1", "2"), None)
    assert source.survey.notes[0] == f"{tmp_path / 'cells'}: input {names[0]} (image), target {names[1]} (mask)"
    inputs, masks = next(iter(source.training(6, seed=0, device=CPU).epoch(0)))
    assert (masks.shape, masks.dtype) == ((6, SIDE, SIDE), torch.int64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    stored = ((inputs * std + mean) * 255)[:, 0].round().long()
    assert torch.equal(stored, torch.where(masks == IGNORED, 255, masks * 80))


def test_without_a_split_for_validation_rows_are_drawn_by_the_seed(tmp_path: Path) -> None:
    root = saved(tmp_path / "cells", 20)
    parts = [[len(part) for part in (source.train, source.val)] for source in (opened(root, validation=0.25), opened(root, validation=0.1))]  # type: ignore[arg-type]
    assert parts == [[15, 5], [18, 2]]


def test_a_test_split_is_held_out(tmp_path: Path) -> None:
    root = saved(tmp_path / "cells", train=range(5), val=range(5, 7), test=range(7, 8))
    source = load_data(SavedDataset(root=str(root), workers=0, image_size=SIDE), seed=0, wanted=WANTED)
    held_out = with_held_out(source)
    assert held_out is not None
    (batch,) = held_out.validation(8, CPU)
    assert torch.equal(batch[1][0], torch.from_numpy(labels(7).astype(np.int64)))


def test_masks_are_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = saved(tmp_path / "cells")
    opened(root)
    monkeypatch.setattr(mask_rows, "_look_at", None)
    assert opened(root).info.classes == 3
    with pytest.raises(TypeError):
        opened(saved(tmp_path / "others", 9))


def test_values_of_the_classes_may_be_named(tmp_path: Path) -> None:
    source = opened(saved(tmp_path / "cells", change=lambda _row, mask: np.where(mask > 0, 255, 0).astype(np.uint8)), WantedTargets(MASKS), mask_values=(0, 255))
    assert source.fingerprint().classes == ("0", "255")
    _, masks = next(iter(source.validation(8, CPU)))
    assert masks.unique().tolist() == [0, 1]


def full(row: int, mask: Any) -> Any:
    return np.full_like(mask, IGNORED) if row == 1 else mask


def test_what_is_wrong_is_said_with_the_row(tmp_path: Path) -> None:
    small = saved(tmp_path / "small", change=lambda row, mask: mask[:8] if row == 3 else mask)
    assert refused(small) == "data.root: ROOT, row 3: the mask in column mask is 16×8 pixels, and its picture 16×16; they must be of one size"
    strange = saved(tmp_path / "strange", change=lambda row, mask: mask + 7 * (row == 5))
    assert refused(strange, mask_values=(0, 1, 2)).startswith("data.mask_values: the mask of row 5 has the value 6, which is none of 0, 1, 2, nor 255")
    coloured = saved(tmp_path / "coloured", change=lambda row, mask: np.stack([mask] * 3, -1) if row == 2 else mask)
    assert refused(coloured).startswith("data.root: ROOT, row 2: the image in column mask cannot be read (it is no mask but a picture of mode RGB")
    assert refused(small, target="scene").startswith("data.target: scene holds strings, and task.kind = segmentation takes a column of images, and one of masks")
    assert refused(saved(tmp_path / "vague", names=("a", "b"))).startswith("data.target: which column of ROOT has the masks is not clear; name it")
    assert opened(tmp_path / "vague", input="a").info.classes == 3
    (note,) = (each for each in opened(saved(tmp_path / "void", change=full), validation=0.25).survey.notes if "no label" in each)
    assert f"{tmp_path / 'void'}: the masks for training: 1 of 6 samples has no label but 255" in note or "validation: 1 of 2 samples has" in note


def test_a_mask_that_is_missing_is_said_with_its_row(tmp_path: Path) -> None:
    stored = io.BytesIO()
    picture_of(labels(0)).save(stored, "PNG")
    columns = {"image": [{"bytes": stored.getvalue(), "path": None}] * 4, "mask": [{"bytes": stored.getvalue(), "path": None}, None] * 2}
    datasets.Dataset.from_dict(columns, features=datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})).save_to_disk(str(tmp_path / "lacking"))
    assert refused(tmp_path / "lacking").endswith("row 0: the image in column mask cannot be read (it is no mask but a picture of mode RGB; a mask has a palette or grey values); remove such rows with Dataset.select")
    grey = io.BytesIO()
    Image.fromarray(labels(0)).save(grey, "PNG")
    columns["mask"] = [{"bytes": grey.getvalue(), "path": None}, None] * 2
    datasets.Dataset.from_dict(columns, features=datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})).save_to_disk(str(tmp_path / "none"))
    assert refused(tmp_path / "none") == "data.root: ROOT, row 1: column mask has no value; remove such rows with Dataset.filter"
