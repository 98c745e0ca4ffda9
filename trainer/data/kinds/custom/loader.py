"""Data of the user's own project: two sets that a callable gives, each of tensors or a torch Dataset."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sized
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, TensorDataset

from gradtop.trainer.data.batches import Prepare
from gradtop.trainer.data.dataset import DataInfo, Dataset, Source, Survey, Tones, labels_per_sample, tones_of
from gradtop.trainer.data.fingerprint import Fingerprint, digest_of
from gradtop.trainer.data.kinds.custom import CustomData
from gradtop.trainer.data.kinds.custom.arrays import tensors_in
from gradtop.trainer.data.kinds.custom.labels import (
    FLOATS,
    WHOLE,
    check_masks,
    class_numbers,
    count_classes,
    dtype_name,
    like_text,
    numbers_to_predict,
)
from gradtop.trainer.data.loading import LoadedBatches, LoadedParts, Reading
from gradtop.trainer.data.normalise import Normalise
from gradtop.trainer.data.sampling import BALANCED, WEIGHTED, check_weights
from gradtop.trainer.data.targets import MASKS, NUMBERS, ONE_CLASS, WantedTargets
from gradtop.trainer.runtime import user_code
from gradtop.trainer.runtime.errors import TracedError, UserError

_WANTED = "a torch Dataset of (input, label), or a tuple (inputs, labels) of tensors, arrays or data frames"
# So many of a Dataset's inputs say what black, white, mean and deviation are.
_LOOKED_AT = 256
_SAY_EVERY = 2.0


def load(config: CustomData, *, seed: int, context: int = 0, wanted: WantedTargets = ONE_CLASS) -> Source:
    """`seed` and `context` are given to a callable that takes them. Raises UserError for whatever does not fit."""
    name = f"data.target: {config.target}"
    given = user_code.call(config.target, config.arguments, "data.target", seed=seed, context=context)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UserError(f"{name} returns {_kind(given)}; it must return two sets, for training and for validation, each {_WANTED}")
    training, validation = (_part(part, f"{name}: the {which} set", wanted) for part, which in zip(given, ("training", "validation"), strict=True))
    weights = check_weights(given[0].weights, len(given[0]), training.title) if config.sampler == WEIGHTED and hasattr(given[0], "weights") else None
    one, other = training.inputs[0], validation.inputs[0]
    if one.shape != other.shape or one.dtype != other.dtype:
        raise UserError(f"{name}: a training input is {like_text(one)}, a validation input {like_text(other)}; they must match")
    if training.labels.shape[1:] != validation.labels.shape[1:]:
        raise UserError(f"{name}: a training label is {like_text(training.labels[0])}, a validation label {like_text(validation.labels[0])}; they must match")
    if wanted.kind in NUMBERS:
        info = _info(one, targets=training.labels[0].numel())
    else:
        if wanted.kind == MASKS:
            check_masks(training.inputs, training.labels, name)
        info = _info(one, training.classes or count_classes(training.labels, wanted.ignored), pixels=wanted.kind == MASKS)
        for part in (training, validation):
            part.check_labels(info.classes, wanted.ignored)
    prepare = _normalise(training.inputs) if one.dtype == torch.uint8 and info.channels else None
    if training.items is None and validation.items is None:
        return Dataset(training.inputs, training.labels, validation.inputs, validation.labels, info, prepare, weights=weights)
    tones = tones_of(training.inputs)
    train, val = (part.as_items(info.classes) for part in (training, validation))
    reading = Reading(config.workers, len(train) + len(val), config.prefetch)
    source = CustomSource(train, val, info, prepare, tones, reading, weights=weights)
    if wanted.kind in NUMBERS:
        return replace(source, labels=training.labels)
    if info.pixels:
        return source
    labels = all_classes(train, training) if config.sampler == BALANCED else None
    return replace(source, labels=labels, tokens_per_sample=labels_per_sample(training.labels))


@dataclass(frozen=True)
class CustomSource:
    """Samples that the user's code returns one by one."""

    train: Items
    val: Items
    info: DataInfo
    prepare: Prepare | None
    tones: Tones | None
    reading: Reading = field(default_factory=Reading)
    survey: Survey = field(default_factory=Survey)
    labels: Tensor | None = None
    tokens_per_sample: int = 0
    weights: Tensor | None = None

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> LoadedBatches:
        return LoadedBatches(self.train, self.reading, batch_size, seed=seed, device=device, prepare=self.prepare)

    def validation(self, batch_size: int, device: torch.device) -> LoadedParts:
        return LoadedParts(self.val, self.reading, batch_size, device, self.prepare)

    def fingerprint(self) -> Fingerprint:
        """By numbers and shapes alone: samples may come out different each time they are asked for."""
        digest = digest_of([repr(self.info).encode()])
        return Fingerprint(len(self.train), len(self.val), self.train.names, digest)


@dataclass
class Part:
    """One of the two sets: all that it has, or `items` and what some of them look like; `classes` is 0 where it does not say."""

    title: str
    inputs: Tensor
    labels: Tensor
    items: Items | None = None
    classes: int = 0
    wanted: WantedTargets = ONE_CLASS

    def check_labels(self, classes: int, ignored: int | None) -> None:
        labels = self.labels if ignored is None else self.labels[self.labels != ignored]
        if not len(labels):
            raise UserError(f"{self.title} has no label but {ignored}, which task.ignore_index leaves out")
        least, largest = int(labels.min()), int(labels.max())
        if least < 0 or largest >= classes:
            raise UserError(f"{self.title} has the label {least if least < 0 else largest}; in training there are {classes} classes, 0 to {classes - 1}")
        if classes < 2:
            raise UserError(f"{self.title} has a single class; a classifier needs at least two")

    def as_items(self, classes: int) -> Items:
        items = self.items or Items(TensorDataset(self.inputs, self.labels), self.title, self.wanted)
        items.classes = classes
        return items


class Items:
    """A torch Dataset whose samples are looked at as they come: whatever is wrong with one is said with its number."""

    def __init__(self, samples: Any, title: str, wanted: WantedTargets) -> None:
        self._samples = samples
        self._wanted = wanted
        self._title = title
        self._like: tuple[Any, ...] = ()
        self.classes = 0
        names = getattr(samples, "classes", None)
        self.names = tuple(map(str, names)) if isinstance(names, list | tuple) else ()

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def ignored(self) -> int | None:
        """The label that is of no class."""
        return self._wanted.ignored

    @property
    def counts_classes(self) -> bool:
        """Whether its labels are numbers of classes."""
        return self._wanted.kind not in NUMBERS

    def said_targets(self) -> Tensor | None:
        """The attribute `targets`, where it has an integer for each sample."""
        try:
            said = torch.as_tensor(getattr(self._samples, "targets", None))
        except (TypeError, ValueError, RuntimeError):
            return None
        return said.long() if said.dim() == 1 and len(said) == len(self) and said.dtype in WHOLE else None

    def instead(self, index: int) -> tuple[int, ...]:  # noqa: ARG002 - one that cannot be read ends the training
        return ()

    def size_of(self, name: str) -> int:  # noqa: ARG002 - as above
        return len(self)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        title = f"{self._title}, sample {index}"
        try:
            sample = self._samples[index]
        except (Exception, SystemExit) as error:
            # It is the user's own code: its traceback tells them more than any sentence of ours.
            traceback.print_exc()
            raise TracedError(f"{title}: {type(error).__name__}: {error}") from error
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            raise UserError(f"{title} is {_kind(sample)}; (input, label) is expected")
        try:
            given, label = (torch.as_tensor(each) for each in sample)
        except (TypeError, ValueError, RuntimeError):
            kinds = " and ".join(type(each).__name__ for each in sample)
            raise UserError(f"{title} is {kinds}; a tensor and {'a number' if self._wanted.kind in NUMBERS else 'an integer'} are expected") from None
        given, label = _of_use(given, label, title, self._wanted)
        like = (given.shape, given.dtype, label.shape)
        if like != (self._like or like):
            raise UserError(f"{title} is {like_text(given)}, and others are not; all samples must have the same shape and type")
        self._like = like
        if self.classes and not bool(((label >= 0) & (label < self.classes) | (label == self._wanted.ignored)).all()):
            raise UserError(f"{title} has the label {label.tolist()}; in training there are {self.classes} classes, 0 to {self.classes - 1}")
        return given, label


def _part(given: Any, title: str, wanted: WantedTargets) -> Part:
    if isinstance(given, TensorDataset):
        given = given.tensors
    given = tensors_in(given, title)
    if isinstance(given, tuple | list) and len(given) == 2 and all(isinstance(each, Tensor) for each in given):
        inputs, labels = given
        if not inputs.dim() or not labels.dim() or len(inputs) != len(labels):
            counts = " and ".join(f"{len(each):,}" if each.dim() else "no" for each in given)
            raise UserError(f"{title} has {counts} inputs and labels; the numbers must be equal")
        _check_filled(len(inputs), title)
        inputs, labels = _of_use(inputs.detach().cpu(), labels.detach().cpu(), title, wanted)
        if not labels[0].numel() or not inputs[0].numel():
            raise UserError(f"{title} has empty samples: inputs {like_text(inputs)}, labels {like_text(labels)}")
        return Part(title, inputs, labels, wanted=wanted)
    if not isinstance(given, TorchDataset) or isinstance(given, IterableDataset) or not isinstance(given, Sized):
        raise UserError(f"{title} is {_kind(given)}; {_WANTED} is expected")
    _check_filled(len(given), title)
    items = Items(given, title, wanted)
    step = max(len(given) // _LOOKED_AT, 1)
    some = [items[index] for index in range(0, len(given), step)][:_LOOKED_AT]
    inputs = torch.stack([each for each, _ in some])
    classes = 0 if wanted.kind in NUMBERS else _classes_of(given)
    if wanted.kind == MASKS and not classes:
        classes = _classes_in_masks(items, title)
    labels = torch.stack([label for _, label in some]) if classes else all_labels(items, title)
    return Part(title, inputs, labels, items, classes, wanted)


def _classes_of(samples: Any) -> int:
    """How many it says, as torchvision's sets do; 0 where it does not."""
    names = getattr(samples, "classes", None)
    return len(names) if isinstance(names, list | tuple) else 0


def _classes_in_masks(items: Items, title: str) -> int:
    """As all masks have them; not all of these are kept."""
    found, say_at = 0, time.monotonic() + _SAY_EVERY
    for index in range(len(items)):
        found = max(found, count_classes(items[index][1], items.ignored))
        if time.monotonic() >= say_at:
            say_at = time.monotonic() + _SAY_EVERY
            print(f"{title}: {index + 1:,} of {len(items):,} masks read; an attribute `classes` would save that", flush=True)
    return found


def all_classes(items: Items, part: Part) -> Tensor:
    """The class of each sample: from what the set says of itself, as torchvision's do, if that agrees with the samples looked at."""
    if len(part.labels) == len(items):
        return part.labels
    said = items.said_targets()
    looked_at = list(range(0, len(items), max(len(items) // _LOOKED_AT, 1)))[: len(part.labels)]
    return said if said is not None and torch.equal(said[looked_at], part.labels) else all_labels(items, part.title)


def all_labels(items: Items, title: str) -> Tensor:
    """Every sample read once, as only that tells how many classes there are, or the scale of values."""
    labels, say_at = [], time.monotonic() + _SAY_EVERY
    for index in range(len(items)):
        labels.append(items[index][1])
        if time.monotonic() >= say_at:
            say_at = time.monotonic() + _SAY_EVERY
            saved = "; an attribute `classes` would save that" if items.counts_classes else ""
            print(f"{title}: {index + 1:,} of {len(items):,} labels read{saved}", flush=True)
    return torch.stack(labels)


def _check_filled(count: int, title: str) -> None:
    if not count:
        raise UserError(f"{title} is empty")


def _of_use(inputs: Tensor, labels: Tensor, title: str, wanted: WantedTargets) -> tuple[Tensor, Tensor]:
    """As a model takes them: bytes, float32 or int64, and int64 labels or float32 values. Raises UserError."""
    labels = numbers_to_predict(labels, title, wanted.kind) if wanted.kind in NUMBERS else class_numbers(labels, title)
    if inputs.dtype in FLOATS:
        inputs = inputs.float()
        if not bool(inputs.isfinite().all()):
            raise UserError(f"{title} has inputs that are not finite; remove NaN and infinity")
    elif inputs.dtype in WHOLE:
        # Bytes of pixels stay bytes; other integers name something, as characters.
        inputs = inputs if inputs.dtype == torch.uint8 and inputs.dim() >= 3 else inputs.long()
    else:
        raise UserError(f"{title} has inputs of {dtype_name(inputs.dtype)}; floats, bytes or integers are expected")
    return inputs, labels


def _info(one: Tensor, classes: int = 0, targets: int = 0, *, pixels: bool = False) -> DataInfo:
    """A vector is as an image of one pixel; a size of 0 is of what is not square, channels of 0 of what is no image."""
    if one.dim() == 3 and one.dtype in (torch.uint8, torch.float32):
        return DataInfo(channels=one.shape[0], size=one.shape[1] if one.shape[1] == one.shape[2] else 0, classes=classes, targets=targets, pixels=pixels)
    if one.dim() == 1 and one.dtype == torch.float32:
        return DataInfo(channels=len(one), size=1, classes=classes, targets=targets)
    return DataInfo(channels=0, size=0, classes=classes, targets=targets)


def _normalise(images: Tensor) -> Normalise:
    """By mean and deviation of the training images."""
    some = images[:: max(len(images) // _LOOKED_AT, 1)].float().div_(255).transpose(0, 1).flatten(1)
    # A channel that is the same everywhere tells nothing, and must not become infinite.
    return Normalise(some.mean(1).tolist(), some.std(1, correction=0).clamp_min(1 / 255).tolist())


def _kind(given: Any) -> str:
    if isinstance(given, tuple | list):
        inside = ", ".join(type(each).__name__ for each in given[:4]) + (" …" if len(given) > 4 else "")
        return f"a {type(given).__name__} of {len(given)} ({inside})" if given else f"an empty {type(given).__name__}"
    return type(given).__name__
