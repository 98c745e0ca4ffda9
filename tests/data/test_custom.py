from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, TensorDataset

from gradtop.trainer.config import AugmentConfig, Config, CustomData, CustomModel, Mlp
from gradtop.trainer.data.augment import augmentation
from gradtop.trainer.data.dataset import Dataset, Source
from gradtop.trainer.data.kinds.custom.loader import CustomSource
from gradtop.trainer.data.load import load_data
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training import check as fit

CPU = torch.device("cpu")
_given: Any = None


def give() -> Any:
    return _given


def of(given: Any) -> Source:
    global _given  # noqa: PLW0603 - what the callable gives is named by a text
    _given = given
    return load_data(CustomData(target=f"{__name__}:give"), seed=0)


def tensors(count: int = 12, shape: tuple[int, ...] = (3, 4, 4)) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0)), torch.arange(count) % 3


class OneByOne(TorchDataset[Any]):
    def __init__(self, samples: list[Any]) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Any:
        return self._samples[index]


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield 1


def one_by_one(**more: Any) -> OneByOne:
    images, labels = tensors(**more)
    return OneByOne(list(zip(images, labels.tolist(), strict=True)))


def test_tensors_lie_ready_and_sets_are_read_one_by_one_with_the_same_batches() -> None:
    whole, single = of((tensors(), TensorDataset(*tensors()))), of([one_by_one(), one_by_one()])
    assert isinstance(whole, Dataset)
    assert isinstance(single, CustomSource)
    assert whole.info == single.info
    assert (whole.info.channels, whole.info.size, whole.info.classes) == (3, 4, 3)
    batches = [list(source.training(5, seed=2, device=CPU).epoch(1)) for source in (whole, single)]
    assert all(torch.equal(a, b) and torch.equal(c, d) for (a, c), (b, d) in zip(*batches, strict=True))
    rest = list(single.training(5, seed=2, device=CPU).epoch(1, skip=1))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(rest, batches[1][1:], strict=True))


def test_the_tokens_of_a_sample_are_counted_also_where_samples_are_read_one_by_one() -> None:
    texts, following = torch.randint(4, (12, 7)), torch.randint(4, (12, 7))
    pairs = OneByOne(list(zip(texts, following, strict=True)))
    assert [of(given).tokens_per_sample for given in (((texts, following), (texts, following)), (pairs, pairs), (tensors(), tensors()), (one_by_one(), one_by_one()))] == [7, 7, 0, 0]


def test_bytes_are_normalised_and_can_be_augmented() -> None:
    images = torch.randint(256, (60, 1, 6, 6), dtype=torch.uint8)
    source = of(((images, torch.arange(60) % 2), (images, torch.arange(60) % 2)))
    (ready, _), = source.validation(60, CPU)
    assert abs(ready.mean()) < 0.01
    assert ready.std() == pytest.approx(1, abs=0.02)
    assert augmentation(AugmentConfig(crop=1), source, seed=0) is not None


IMAGES, LABELS = tensors()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "returns NoneType; it must return two sets"),
        ((tensors(),), "returns a tuple of 1"),
        ((tensors(), 3), "the validation set is int; a torch Dataset"),
        ((tensors(), Endless()), "the validation set: a batch is Tensor; as a sample, it must be"),
        (((IMAGES, LABELS[:5]), tensors()), "the training set has 12 and 5 inputs and labels"),
        (((IMAGES[:0], LABELS[:0]), tensors()), "the training set is empty"),
        ((OneByOne([]), tensors()), "the training set is empty"),
        (((IMAGES, LABELS.float()), tensors()), "labels of float32; integers are expected"),
        (((IMAGES.bool(), LABELS), tensors()), "inputs of bool; floats, bytes or integers are expected"),
        (((IMAGES / 0, LABELS), tensors()), "inputs that are not finite"),
        (((IMAGES, LABELS - 1), tensors()), "the training set has the label -1; in training there are 2 classes"),
        ((tensors(), (IMAGES, LABELS + 4)), "the validation set has the label 6; in training there are 3 classes, 0 to 2"),
        (((IMAGES, LABELS * 0), tensors()), "has a single class"),
        ((tensors(), tensors(shape=(3, 5, 5))), "a training input is float32 3×4×4, a validation input float32 3×5×5"),
        ((OneByOne([1, 2]), tensors()), "the training set, sample 0 is int; .input, label., a tuple with the label at its end, or a dict"),
        ((OneByOne([("a", 2)]), tensors()), "sample 0 is str and int; a tensor and an integer are expected"),
        ((OneByOne([(IMAGES[0], 0), (IMAGES[0, :1], 1)]), tensors()), "sample 1 is float32 1×4×4, and others are not"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_wrong(given: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=f"data.target: {__name__}:give.*{sentence}"):
        of(given)


class Odd(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise ValueError("no such thing")


def check(model: nn.Module, given: Any = None) -> None:
    config = Config(data=CustomData(target="x:y"), model=CustomModel(target="x:y"))
    source = of(given or (tensors(), tensors()))
    fit.check_fit(config, model, source, config.task.build(source, {}), CPU)


def test_a_model_that_does_not_fit_is_refused_and_one_that_fits_is_left_as_it_was() -> None:
    good = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, 3))
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in good.state_dict().items()}
    check(good)
    assert good.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(state[name], value) for name, value in good.state_dict().items())
    with pytest.raises(UserError, match="it returns 5 values for each label, and the data have 3 classes; give its last layer 3 outputs"):
        check(nn.Sequential(nn.Flatten(), nn.Linear(48, 5)))
    with pytest.raises(UserError, match=r"for labels of 2 int64 it returns 2×3×4×4 float32; 2×3 is expected"):
        check(nn.Identity())
    with pytest.raises(UserError, match=r"custom gives inputs of 2×3×4×4 float32 .* does not take them \(ValueError: no such thing\)"):
        check(Odd())


def test_a_model_of_images_is_refused_for_data_that_are_none() -> None:
    characters = torch.arange(40).view(4, 10) % 7
    source = of(((characters, characters % 3), (characters, characters % 3)))
    with pytest.raises(UserError, match=r"model.kind = mlp takes vectors or square images"):
        fit.check_kind(Config(data=CustomData(target="x:y"), model=Mlp()), source.info)


class Recognised(OneByOne):
    """One that says what it is recognised by, and counts what is read."""

    fingerprint, read = "", 0

    def __getitem__(self, index: int) -> Any:
        self.read += 1
        return super().__getitem__(index)


def test_labels_are_kept_for_a_set_that_says_what_it_is_recognised_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    inputs, labels = torch.rand(600, 3), torch.arange(600) % 3

    def opened(targets: torch.Tensor, fingerprint: str) -> tuple[int, int]:
        training = Recognised(list(zip(inputs, targets.tolist(), strict=True)))
        training.fingerprint = fingerprint
        found = of((training, OneByOne(list(zip(inputs[:30], labels[:30].tolist(), strict=True)))))
        return found.info.classes, training.read

    first = opened(labels, "first")
    assert first[0] == 3
    assert first[1] >= 600
    assert opened(labels, "first") == (3, first[1] - 600)
    changed = labels.clone()
    changed[0] = 3
    # The same name for others: one that is looked at anyway tells.
    assert opened(changed, "first") == (4, first[1])
    assert opened(labels, "second") == first
    for path in (tmp_path / "gradtop" / "prepared").iterdir():
        path.write_text('{"dtype": "load", "labels": 3}')
    assert opened(labels, "first") == first
