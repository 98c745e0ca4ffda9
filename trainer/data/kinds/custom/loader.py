"""Data of the user's own project: two sets that a callable gives, each of tensors or a torch Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.absent import TRAINING, VALIDATION, Absence, absent_classes, absent_labels
from gradtop.trainer.data.batches import Prepare
from gradtop.trainer.data.dataset import (
    DataInfo,
    Dataset,
    KeptEncoding,
    Source,
    Survey,
    Tones,
    labels_per_sample,
    tones_of,
)
from gradtop.trainer.data.fingerprint import Fingerprint, digest_of
from gradtop.trainer.data.held_out import HeldOut
from gradtop.trainer.data.kinds.custom import CustomData
from gradtop.trainer.data.kinds.custom.items import Items, kind_text
from gradtop.trainer.data.kinds.custom.labels import check_masks, count_classes, like_text
from gradtop.trainer.data.kinds.custom.parts import LOOKED_AT, WANTED, Part, SampledConfig, all_classes, part_of
from gradtop.trainer.data.kinds.custom.stream import BatchStream, StreamBatches, StreamParts
from gradtop.trainer.data.kinds.custom.test_set import held_out_set
from gradtop.trainer.data.loading import LoadedBatches, LoadedParts, Reading
from gradtop.trainer.data.nested import ModelInputs, inputs_text, layout_of, structure_of, take_rows
from gradtop.trainer.data.normalise import Normalise
from gradtop.trainer.data.sample_form import PLAIN, SampleForm
from gradtop.trainer.data.sampling import BALANCED, SHUFFLE, WEIGHTED, check_weights
from gradtop.trainer.data.targets import ANY, CLASSES, LABEL_SETS, MASKS, NUMBERS, ONE_CLASS, WantedTargets
from gradtop.trainer.runtime import user_code
from gradtop.trainer.runtime.errors import UserError


def load(config: CustomData, *, seed: int, context: int = 0, wanted: WantedTargets = ONE_CLASS) -> Source:
    """`seed` and `context` are given to a callable that takes them. Raises UserError for whatever does not fit."""
    name = f"data.target: {config.target}"
    given = user_code.call(config.target, config.arguments, "data.target", seed=seed, context=context)
    if not isinstance(given, tuple | list) or len(given) not in {2, 3}:
        raise UserError(f"{name} returns {kind_text(given)}; it must return two sets, for training and for validation, or three, with a test set, each {WANTED}")
    return source_of(given, name, config, wanted)


def source_of(given: Sequence[Any], name: str, config: SampledConfig, wanted: WantedTargets) -> Source:
    """The sets for training and for validation as a source, and a test set where there is a third; `name` is what a message calls them. Raises UserError."""
    training, validation = (part_of(part, f"{name}: the {which} set", wanted, config) for part, which in zip(given[:2], ("training", "validation"), strict=True))
    weights = check_weights(given[0].weights, len(given[0]), training.title) if config.sampler == WEIGHTED and hasattr(given[0], "weights") else None
    one, other = take_rows(training.inputs, 0), take_rows(validation.inputs, 0)
    varies = training.varies or validation.varies
    layouts = [structure_of(each) if varies else layout_of(each) for each in (one, other)]
    if layouts[0] != layouts[1] or training.form != validation.form:
        texts = [inputs_text(each, like_text) for each in (one, other)]
        raise UserError(f"{name}: a training input is {texts[0]}, a validation input {texts[1]}; they must match")
    if not varies and training.labels.shape[1:] != validation.labels.shape[1:]:
        raise UserError(f"{name}: a training label is {like_text(training.labels[0])}, a validation label {like_text(validation.labels[0])}; they must match")
    notes: list[str] = []
    absent: list[Absence] = []
    unread: frozenset[str] = frozenset()
    if wanted.kind == ANY:
        info = _info(one, *_known_outputs(training))
    elif wanted.kind in NUMBERS:
        info = _info(one, targets=training.labels[0].numel())
        if wanted.kind == LABEL_SETS and not isinstance(training.items, BatchStream):
            absent = absent_labels(training.labels)
    else:
        if wanted.kind == MASKS:
            check_masks(training.inputs, training.labels, name)
        info = _info(one, training.classes or count_classes(training.labels, wanted.ignored), pixels=wanted.kind == MASKS)
        notes = [note for part in (training, validation) for note in part.check_labels(info.classes, wanted.ignored)]
        if wanted.kind == CLASSES and training.labels.dim() == validation.labels.dim() == 1:
            parts = {TRAINING: training, VALIDATION: validation}
            unread = frozenset(name for name, part in parts.items() if not part.has_all_labels)
            absent = [each for name, part in parts.items() if name not in unread for each in absent_classes(name, part.labels, _class_names(given[0]), info.classes)]
    prepare = _normalise(training.inputs) if isinstance(training.inputs, Tensor) and training.inputs.dtype == torch.uint8 and info.channels else None
    in_memory = training.items is None and validation.items is None
    held_out = held_out_set(given[2], f"{name}: the test set", config, training, info, in_memory=in_memory) if len(given) > 2 else None
    if in_memory:
        return Dataset(training.inputs, training.labels, validation.inputs, validation.labels, info, prepare, Survey(notes, absent=absent, unread=unread), weights=weights, form=training.form, held_out=held_out)
    tones = tones_of(training.inputs)
    train, val = (part.as_items(info.classes) for part in (training, validation))
    reading = Reading(config.workers, _count(train) + _count(val), config.prefetch)
    notes += _notes(train, config.sampler)
    layout = "" if isinstance(one, Tensor) else inputs_text(one, like_text)
    survey = Survey(notes, absent=absent, unread=unread)
    source = CustomSource(train, val, info, prepare, tones, reading, survey, weights=weights, form=training.form, layout=layout, held_out=held_out)
    if wanted.kind in NUMBERS:
        return replace(source, labels=training.labels)
    if wanted.kind == ANY or info.pixels:
        return source
    labels = all_classes(train, training) if config.sampler == BALANCED and isinstance(train, Items) else None
    return replace(source, labels=labels, tokens_per_sample=labels_per_sample(training.labels))


@dataclass(frozen=True)
class CustomSource:
    """Samples that the user's code returns one by one."""

    train: Items | BatchStream
    val: Items | BatchStream
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
    held_out: HeldOut | None = None
    digest: str = ""  # of the data, where these have one
    encoding: KeptEncoding | None = None

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> LoadedBatches | StreamBatches:
        if isinstance(self.train, BatchStream):
            return StreamBatches(self.train, self.reading, batch_size, seed=seed, device=device, prepare=self.prepare)
        return LoadedBatches(self.train, self.reading, batch_size, seed=seed, device=device, prepare=self.prepare)

    def validation(self, batch_size: int, device: torch.device) -> LoadedParts | StreamParts:
        if isinstance(self.val, BatchStream):
            return StreamParts(self.val, self.reading, batch_size, device, self.prepare)
        return LoadedParts(self.val, self.reading, batch_size, device, self.prepare)

    def fingerprint(self) -> Fingerprint:
        """By numbers and shapes, where the data have no digest: samples may come out different each time they are asked for."""
        digest = self.digest or digest_of([repr(self.info).encode(), *([self.layout.encode()] if self.layout else [])])
        return Fingerprint(_count(self.train), _count(self.val), self.train.names, digest)


def _count(samples: Items | BatchStream) -> int:
    """0 where that is not known."""
    return samples.samples if isinstance(samples, BatchStream) else len(samples)


def _notes(train: Items | BatchStream, sampler: str) -> list[str]:
    """What is said of batches that are not ours to choose. Raises UserError."""
    if not isinstance(train, BatchStream):
        return []
    if sampler != SHUFFLE:
        raise UserError(f"data.sampler = {sampler} cannot be combined with a DataLoader or an iterable, which have an order of their own; give a Dataset, or set data.sampler = shuffle")
    size = train.own_batch_size
    return [f"batches are those of the DataLoader, of {size:,} samples; training.batch_size is not used"] if size else []


def _class_names(samples: Any) -> tuple[str, ...]:
    names = getattr(samples, "classes", None)
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _known_outputs(training: Part) -> tuple[int, int]:
    """Classes and numbers, for which a model of ours would have an output each, where the labels say it."""
    labels = training.labels
    if training.classes:
        return training.classes, 0
    if labels.is_floating_point():
        return 0, labels[0].numel()
    whole = training.items is None and labels.dim() == 1 and int(labels.min()) >= 0
    return (count_classes(labels, None) if whole else 0), 0


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
    some = images[:: max(len(images) // LOOKED_AT, 1)].float().div_(255).transpose(0, 1).flatten(1)
    # A channel that is the same everywhere tells nothing, and must not become infinite.
    return Normalise(some.mean(1).tolist(), some.std(1, correction=0).clamp_min(1 / 255).tolist())
