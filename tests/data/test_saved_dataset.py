"""Data sets as the library datasets saves them, against the library itself."""

from __future__ import annotations

import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from gradtop.trainer.config import SavedDataset
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.kinds.custom.items import Items
from gradtop.trainer.data.kinds.custom.loader import CustomSource
from gradtop.trainer.data.kinds.hf.loader import load
from gradtop.trainer.data.kinds.image_folder.images import read_picture
from gradtop.trainer.data.targets import VALUES, WantedTargets
from gradtop.trainer.runtime.errors import UserError
from tests.data.saved_datasets import saved

OPEN = WantedTargets(open=True)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_bars() -> None:
    datasets.disable_progress_bars()


def pictures(count: int) -> list[Image.Image]:
    drawn = np.random.default_rng(0)
    return [Image.fromarray(drawn.integers(0, 255, (20 + number % 3, 24, 3), dtype=np.uint8)) for number in range(count)]


def animals(root: Path, count: int = 30, **splits: range) -> Path:
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["dog", "cat", "emu"]), "source": datasets.Value("string")}
    return saved(root, {"image": pictures(count), "label": [number % 3 for number in range(count)], "source": ["web"] * count}, features, **splits)


def opened(root: Path, wanted: WantedTargets = OPEN, **settings: Any) -> Source:
    return load(SavedDataset(root=str(root), workers=0, **settings), seed=0, wanted=wanted)


def refused(root: Path, wanted: WantedTargets = OPEN, **settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        opened(root, wanted, **settings)
    return str(caught.value).replace(str(root), "ROOT")


def all_of(source: Source) -> tuple[torch.Tensor, torch.Tensor]:
    batches = list(source.validation(7, CPU))
    return torch.cat([inputs for inputs, _ in batches]), torch.cat([targets for _, targets in batches])


def test_images_are_read_as_those_of_a_folder_and_classes_have_their_names(tmp_path: Path) -> None:
    root = animals(tmp_path / "animals", Training=range(20), DEV=range(20, 30), test=range(5))
    source = opened(root, image_size=16)
    assert (source.info.channels, source.info.size, source.info.classes) == (3, 16, 3)
    found = source.fingerprint()
    assert (found.training, found.validation, found.classes) == (20, 10, ("dog", "cat", "emu"))
    (about, held_out) = source.survey.notes
    assert about == f"{root}: input image (image), target label (class)"
    assert held_out == f"test in {root} is a test set: it is evaluated once, at the end, by the best weights, and training does not look at it"
    inputs, targets = all_of(source)
    assert targets.tolist() == [number % 3 for number in range(20, 30)]
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    for image, row in zip(pictures(30)[20:], inputs, strict=True):
        stored = io.BytesIO()
        image.save(stored, "PNG")
        assert torch.allclose(row, (read_picture(stored, 16).float() / 255 - mean) / std, atol=1e-5)
    batches = source.training(8, seed=1, device=CPU)
    assert sorted(int(label) for _, labels in batches.epoch(0) for label in labels) == sorted(number % 3 for number in range(20))
    assert source.labels is not None
    assert source.labels.tolist() == [number % 3 for number in range(20)]


def test_without_a_split_for_validation_each_class_gives_its_share_by_the_seed(tmp_path: Path) -> None:
    root = animals(tmp_path / "one", 60)
    source = opened(root, image_size=8, validation=0.2)
    assert (source.fingerprint().training, source.fingerprint().validation) == (48, 12)
    _, targets = all_of(source)
    assert targets.bincount().tolist() == [4, 4, 4]
    again, other = (load(SavedDataset(root=str(root), image_size=8, validation=0.2, workers=0), seed=seed, wanted=OPEN) for seed in (0, 1))
    assert torch.equal(all_of(source)[0], all_of(again)[0])
    assert not torch.equal(all_of(source)[0], all_of(other)[0])


def test_the_fingerprint_is_that_of_the_library(tmp_path: Path) -> None:
    first, copy, other = animals(tmp_path / "first"), animals(tmp_path / "copy"), animals(tmp_path / "other", 33)
    (copy / "state.json").write_text((first / "state.json").read_text())
    digests = [opened(root, image_size=8).fingerprint().digest for root in (first, copy, other)]
    assert digests[0] == digests[1] != digests[2]


def test_sequences_and_columns_of_numbers_are_vectors(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    features, prices = drawn.normal(size=(20, 5)).astype(np.float32), drawn.normal(size=20)
    root = saved(tmp_path / "houses", {"features": features.tolist(), "area": list(range(20)), "garden": [number % 2 == 0 for number in range(20)], "price": prices.tolist()},
                 train=range(15), validation=range(15, 20))
    vectors = opened(root, target="price", input="features")
    assert (vectors.info.channels, vectors.info.size, vectors.info.targets) == (5, 1, 1)
    inputs, targets = all_of(vectors)
    assert np.allclose(inputs.numpy(), features[15:])
    assert np.allclose(targets.numpy().ravel(), prices[15:], atol=1e-6)
    columns = opened(root, target="price", input=["area", "garden"])
    assert all_of(columns)[0].tolist() == [[float(row), float(row % 2 == 0)] for row in range(15, 20)]
    # Whole numbers of few kinds and booleans are classes, unless the task says otherwise.
    assert opened(root, target="garden", input="features").fingerprint().classes == ("false", "true")
    assert opened(root, WantedTargets(VALUES), target="area", input="features").info.targets == 1


def test_arrays_of_bytes_are_images_with_their_channels_first(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (10, 6, 6, 3), dtype=np.uint8)
    features = {"pixels": datasets.Array3D((6, 6, 3), "uint8"), "label": datasets.Value("int64")}
    root = saved(tmp_path / "arrays", {"pixels": pixels.tolist(), "label": [0, 1] * 5}, features, train=range(8), validation=range(8, 10))
    source = opened(root)
    assert (source.info.channels, source.info.size) == (3, 6)
    scaled = pixels / 255
    mean, std = (how(scaled[:8], axis=(0, 1, 2)) for how in (np.mean, np.std))
    assert np.allclose(all_of(source)[0].numpy(), ((scaled[8:] - mean) / std).transpose(0, 3, 1, 2), atol=1e-4)


def test_words_are_classes_and_splits_may_number_theirs_otherwise(tmp_path: Path) -> None:
    root = saved(tmp_path / "words", {"x": [[0.0, 1.0]] * 9, "label": list("bacbacbac")}, train=range(6), validation=range(6, 9))
    source = opened(root)
    assert source.fingerprint().classes == ("a", "b", "c")
    assert all_of(source)[1].tolist() == [1, 0, 2]

    def part(names: list[str], labels: list[int]) -> Any:
        return datasets.Dataset.from_dict({"x": [[0.0]] * len(labels), "label": labels}, features=datasets.Features({"x": datasets.List(datasets.Value("float32")), "label": datasets.ClassLabel(names=names)}))

    datasets.DatasetDict({"train": part(["cat", "dog"], [0, 1, 0]), "val": part(["dog", "cat"], [0, 0, 1])}).save_to_disk(str(tmp_path / "turned"))
    assert all_of(opened(tmp_path / "turned"))[1].tolist() == [1, 1, 0]
    datasets.DatasetDict({"train": part(["cat", "dog"], [0, 1, 0]), "val": part(["gnu", "cat"], [0, 0, 1])}).save_to_disk(str(tmp_path / "strange"))
    assert refused(tmp_path / "strange") == "data.root: ROOT: the validation split has the class 'gnu' in column label, which the training split has not"


def test_tokens_beside_tokens_are_a_language_model_s(tmp_path: Path) -> None:
    rows = [[number % 3 + place for place in range(5)] for number in range(8)]
    root = saved(tmp_path / "tokens", {"input_ids": [row[:-1] for row in rows], "labels": [row[1:] for row in rows]}, train=range(6), validation=range(6, 8))
    source = opened(root)
    assert (source.tokens_per_sample, source.info.channels, source.info.classes) == (4, 0, 7)
    inputs, targets = all_of(source)
    assert inputs.dtype == torch.int64
    assert inputs.tolist() == [row[:-1] for row in rows[6:]]
    assert targets.tolist() == [row[1:] for row in rows[6:]]


def test_what_is_not_clear_or_cannot_be_used_is_said(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "data.root: ROOT is missing; the folder that save_to_disk has written is expected"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "load.py").write_text("raise SystemExit(3)")
    assert "holds neither dataset_dict.json nor state.json" in refused(tmp_path / "empty")
    root = saved(tmp_path / "text", {"text": ["a b", "c"] * 5, "label": [0, 1] * 5})
    tokens = "name a tokenizer.json that makes tokens of them with data.tokenizer, make numbers of them with Dataset.map, or train a language model on the column with data.kind = text, whose file may be this folder"
    assert refused(root) == f"data.input: ROOT has nothing beside the target but words, which a model does not see; {tokens}: its columns are text (string)"
    assert refused(root, input="text") == f"data.input: text holds strings, which cannot be used so; {tokens}"
    masks = saved(tmp_path / "masks", {"image": pictures(4), "mask": pictures(4)}, {"image": datasets.Image(), "mask": datasets.Image()})
    assert refused(masks, target="mask", input="image").endswith("where it has masks, the classes of the pixels of others, set task.kind = segmentation")
    values = [0.5, 1.5, math.nan, 2.5]
    assert refused(saved(tmp_path / "nan", {"x": [[1.0]] * 4, "y": values})) == "data.root: ROOT, row 2: column y is NaN or infinite; remove such rows with Dataset.filter"
    assert refused(root, input="words") == "data.input: ROOT has no column words; its columns are text (string), label (integer)"
    assert refused(root, target="label", input=["label"]) == "data.input contains label, which data.target predicts"
    assert "data.target: which column of ROOT is to be predicted is not clear" in refused(saved(tmp_path / "vague", {"a": [1.5] * 3, "b": [2.5] * 3}))
    assert refused(saved(tmp_path / "ragged", {"x": [[1.0], [1.0, 2.0]] * 5, "label": [0, 1] * 5})).endswith("all samples must have the same shape and type")
    assert refused(saved(tmp_path / "missing", {"x": [[1.0]] * 4, "label": ["a", "b", None, "a"]})) == "data.root: ROOT, row 2: column label has no value; remove such rows with Dataset.filter"
    assert refused(saved(tmp_path / "unlabelled", {"x": [[1.0]] * 4, "label": [0, 1, None, 1]})) == "data.root: ROOT, row 2: column label has no value; remove such rows with Dataset.filter"
    assert "but no split train; rename one of them" in refused(saved(tmp_path / "split", {"x": [[1.0]] * 4, "label": [0, 1, 0, 1]}, first=range(4)))
    assert refused(saved(tmp_path / "words", {"x": [[1.0]] * 4, "label": ["a", "b"] * 2}), WantedTargets(VALUES)).startswith("data.target: label holds words, and numbers are expected")


def test_a_folder_that_is_damaged_is_told_of(tmp_path: Path) -> None:
    root = animals(tmp_path / "animals", 12)
    state = json.loads((root / "state.json").read_text())
    (root / state["_data_files"][0]["filename"]).write_bytes(b"no arrow")
    assert refused(root).startswith("data.root: ROOT cannot be read (")
    (root / "state.json").write_text("{")
    assert refused(root).startswith("data.root: ROOT cannot be read (")


def test_an_image_that_is_none_is_told_with_its_row(tmp_path: Path) -> None:
    columns = {"image": [{"bytes": b"no image", "path": None}] * 10, "label": [0, 1] * 5}
    root = saved(tmp_path / "broken", columns, {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    assert refused(root).startswith("data.root: ROOT, row 0: the image in column image cannot be read (no image")


def test_images_of_more_than_8_bits_are_scaled_as_the_settings_say(tmp_path: Path) -> None:
    shades = [np.full((8, 8), 1000 + 100 * number, dtype=np.uint16) for number in range(10)]
    columns = {"image": [Image.fromarray(shade) for shade in shades], "label": [0, 1] * 5}
    root = saved(tmp_path / "deep", columns, {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])}, train=range(8), test=range(8, 10), validation=range(8, 10))
    assert refused(root).endswith("what is black and what white in it is not known; set data.black and data.white, such as 0 and 65535")
    assert refused(root, black=2.0, white=1.0) == "data.white: 1 is less than data.black = 2; it must be larger"
    source = opened(root, image_size=8, black=1000.0, white=2000.0)
    assert isinstance(source, CustomSource)
    assert isinstance(source.val, Items)
    assert [int(source.val[row][0][0, 0, 0]) for row in range(2)] == [round(0.8 * 255), round(0.9 * 255)]


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = saved(tmp_path / "any", {"x": [[1.0]] * 4, "label": [0, 1, 0, 1]})
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert refused(root) == "data.kind = hf reads data sets by the library datasets, which is not installed: pip install 'gradtop[hf]'"
