"""Data of the user's own project: two sets that a callable gives, each of tensors or a torch Dataset."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sized
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
from gradtop.trainer.data.kinds.custom.arrays import as_tensors
from gradtop.trainer.data.kinds.custom.items import Items, StoredSamples, kind_text, of_use
from gradtop.trainer.data.kinds.custom.labels import (
    check_masks,
    count_classes,
    like_text,
)
from gradtop.trainer.data.loading import LoadedBatches, LoadedParts, Reading
from gradtop.trainer.data.nested import (
    ModelInputs,
    all_tensors,
    as_inputs,
    count_samples,
    first_tensor,
    inputs_text,
    layout_of,
    map_tensors,
    stack_samples,
    take_rows,
    tensors_in,
)
from gradtop.trainer.data.normalise import Normalise
from gradtop.trainer.data.sample_form import ALONE, PLAIN, SampleForm, form_of
from gradtop.trainer.data.sampling import BALANCED, WEIGHTED, check_weights
from gradtop.trainer.data.targets import ANY, MASKS, NUMBERS, ONE_CLASS, WantedTargets
from gradtop.trainer.runtime import user_code
from gradtop.trainer.runtime.errors import UserError

_WANTED = "a torch Dataset of (input, label), or a tuple (inputs, labels) of tensors, arrays or data frames"
# So many of a Dataset's inputs say what black, white, mean and deviation are.
_LOOKED_AT = 256
_SAY_EVERY = 2.0


def load(config: CustomData, *, seed: int, context: int = 0, wanted: WantedTargets = ONE_CLASS) -> Source:
    """`seed` and `context` are given to a callable that takes them. Raises UserError for whatever does not fit."""
    name = f"data.target: {config.target}"
    given = user_code.call(config.target, config.arguments, "data.target", seed=seed, context=context)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UserError(f"{name} returns {kind_text(given)}; it must return two sets, for training and for validation, each {_WANTED}")
    training, validation = (_part(part, f"{name}: the {which} set", wanted) for part, which in zip(given, ("training", "validation"), strict=True))
    weights = check_weights(given[0].weights, len(given[0]), training.title) if config.sampler == WEIGHTED and hasattr(given[0], "weights") else None
    one, other = take_rows(training.inputs, 0), take_rows(validation.inputs, 0)
    if layout_of(one) != layout_of(other) or training.form != validation.form:
        texts = [inputs_text(each, like_text) for each in (one, other)]
        raise UserError(f"{name}: a training input is {texts[0]}, a validation input {texts[1]}; they must match")
    if training.labels.shape[1:] != validation.labels.shape[1:]:
        raise UserError(f"{name}: a training label is {like_text(training.labels[0])}, a validation label {like_text(validation.labels[0])}; they must match")
    if wanted.kind == ANY:
        info = _info(one, *_known_outputs(training))
    elif wanted.kind in NUMBERS:
        info = _info(one, targets=training.labels[0].numel())
    else:
        if wanted.kind == MASKS:
            check_masks(training.inputs, training.labels, name)
        info = _info(one, training.classes or count_classes(training.labels, wanted.ignored), pixels=wanted.kind == MASKS)
        for part in (training, validation):
            part.check_labels(info.classes, wanted.ignored)
    prepare = _normalise(training.inputs) if isinstance(training.inputs, Tensor) and training.inputs.dtype == torch.uint8 and info.channels else None
    if training.items is None and validation.items is None:
        return Dataset(training.inputs, training.labels, validation.inputs, validation.labels, info, prepare, weights=weights, form=training.form)
    tones = tones_of(training.inputs)
    train, val = (part.as_items(info.classes) for part in (training, validation))
    reading = Reading(config.workers, len(train) + len(val), config.prefetch)
    layout = "" if isinstance(one, Tensor) else inputs_text(one, like_text)
    source = CustomSource(train, val, info, prepare, tones, reading, weights=weights, form=training.form, layout=layout)
    if wanted.kind in NUMBERS:
        return replace(source, labels=training.labels)
    if wanted.kind == ANY or info.pixels:
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
    form: SampleForm = PLAIN
    layout: str = ""  # of inputs that are more than one tensor

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> LoadedBatches:
        return LoadedBatches(self.train, self.reading, batch_size, seed=seed, device=device, prepare=self.prepare)

    def validation(self, batch_size: int, device: torch.device) -> LoadedParts:
        return LoadedParts(self.val, self.reading, batch_size, device, self.prepare)

    def fingerprint(self) -> Fingerprint:
        """By numbers and shapes alone: samples may come out different each time they are asked for."""
        digest = digest_of([repr(self.info).encode(), *([self.layout.encode()] if self.layout else [])])
        return Fingerprint(len(self.train), len(self.val), self.train.names, digest)


@dataclass
class Part:
    """One of the two sets: all that it has, or `items` and what some of them look like; `classes` is 0 where it does not say."""

    title: str
    inputs: ModelInputs
    labels: Tensor
    items: Items | None = None
    classes: int = 0
    wanted: WantedTargets = ONE_CLASS
    form: SampleForm = PLAIN

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
        items = self.items or Items(StoredSamples(self.inputs, self.labels, self.form), self.title, self.wanted)
        items.classes = 0 if self.wanted.kind == ANY else classes
        return items


def _in_memory(given: Any, wanted: WantedTargets) -> tuple[SampleForm, ModelInputs, Tensor] | None:
    """Of a whole set in tensors: how its samples stand there, inputs and labels; None of anything else."""
    try:
        whole = as_inputs(given) if isinstance(given, tuple | list | Mapping | Tensor) else None
    except (TypeError, ValueError, RuntimeError):
        return None
    if whole is None or not all_tensors(given):
        return None  # lists of numbers are no set
    form = form_of(given, alone=wanted.kind == ANY)
    if form is None:
        return None
    inputs, labels = form.divide(whole)
    if labels is not None and not isinstance(labels, Tensor):
        return None
    return form, inputs, torch.empty(count_samples(inputs) if first_tensor(inputs).dim() else 0, 0) if labels is None else labels


def _part(given: Any, title: str, wanted: WantedTargets) -> Part:
    if isinstance(given, TensorDataset):
        given = given.tensors
    given = as_tensors(given, title)
    if (stored := _in_memory(given, wanted)) is not None:
        form, inputs, labels = stored
        tensors = [*tensors_in(inputs), labels]
        if not all(each.dim() for each in tensors) or len({len(each) for each in tensors}) > 1:
            counts = " and ".join(f"{len(each):,}" if each.dim() else "no" for each in tensors)
            raise UserError(f"{title} has {counts} inputs and labels; the numbers must be equal")
        _check_filled(len(labels), title)
        inputs, labels = of_use(map_tensors(lambda tensor: tensor.detach().cpu(), inputs), labels.detach().cpu(), title, wanted)
        if (not labels[0].numel() and form.kind != ALONE) or not all(each[0].numel() for each in tensors_in(inputs)):
            raise UserError(f"{title} has empty samples: inputs {inputs_text(inputs, like_text)}, labels {like_text(labels)}")
        return Part(title, inputs, labels, wanted=wanted, form=form)
    if not isinstance(given, TorchDataset) or isinstance(given, IterableDataset) or not isinstance(given, Sized):
        raise UserError(f"{title} is {kind_text(given)}; {_WANTED} is expected")
    _check_filled(len(given), title)
    items = Items(given, title, wanted)
    step = max(len(given) // _LOOKED_AT, 1)
    some = [items[index] for index in range(0, len(given), step)][:_LOOKED_AT]
    inputs = stack_samples([each for each, _ in some])
    classes = 0 if wanted.kind in NUMBERS else _classes_of(given)
    if wanted.kind == MASKS and not classes:
        classes = _classes_in_masks(items, title)
    labels = torch.stack([label for _, label in some]) if classes or wanted.kind == ANY else all_labels(items, title)
    return Part(title, inputs, labels, items, classes, wanted, items.form or PLAIN)


def _known_outputs(training: Part) -> tuple[int, int]:
    """Classes and numbers, for which a model of ours would have an output each, where the labels say it."""
    labels = training.labels
    if training.classes:
        return training.classes, 0
    if labels.is_floating_point():
        return 0, labels[0].numel()
    whole = training.items is None and labels.dim() == 1 and int(labels.min()) >= 0
    return (count_classes(labels, None) if whole else 0), 0


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


def _info(one: ModelInputs, classes: int = 0, targets: int = 0, *, pixels: bool = False) -> DataInfo:
    """A vector is as an image of one pixel; a size of 0 is of what is not square, channels of 0 of what is no image."""
    if not isinstance(one, Tensor):
        return DataInfo(channels=0, size=0, classes=classes, targets=targets, pixels=pixels, nested=True)
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
