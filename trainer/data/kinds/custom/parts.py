"""One of the two sets of custom data: all that it has, or what some of its samples look like."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import TensorDataset

from gradtop.trainer.data.kinds.custom.arrays import as_tensors
from gradtop.trainer.data.kinds.custom.collated import Collated
from gradtop.trainer.data.kinds.custom.items import Items, StoredSamples, kind_text, of_use
from gradtop.trainer.data.kinds.custom.labelled import LabelledSamples
from gradtop.trainer.data.kinds.custom.labels import class_numbers, count_classes, like_text, numbers_to_predict
from gradtop.trainer.data.kinds.custom.stream import BatchStream, is_stream
from gradtop.trainer.data.loading import ALWAYS_THE_SAME, Reading
from gradtop.trainer.data.nested import (
    ModelInputs,
    all_tensors,
    as_inputs,
    count_samples,
    first_tensor,
    inputs_text,
    map_tensors,
    stack_samples,
    tensors_in,
)
from gradtop.trainer.data.prepared import prepared
from gradtop.trainer.data.sample_form import ALONE, PLAIN, SampleForm, form_of
from gradtop.trainer.data.targets import ANY, MASKS, NUMBERS, ONE_CLASS, WantedTargets, unlabeled_text
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import one_by_one

WANTED = "a torch Dataset or DataLoader of (input, label), or a tuple (inputs, labels) of tensors, arrays or data frames"
# So many of a Dataset's inputs say what black, white, mean and deviation are.
LOOKED_AT = 256
_SAY_EVERY = 2.0
_KEPT = 4_000_000  # numbers of labels


class SampledConfig(Protocol):
    """How samples are read and drawn."""

    @property
    def workers(self) -> int: ...

    @property
    def prefetch(self) -> int: ...

    @property
    def sampler(self) -> str: ...


@dataclass
class Part:
    """One of the two sets: all that it has, or `items` and what some of them look like; `classes` is 0 where it does not say."""

    title: str
    inputs: ModelInputs
    labels: Tensor
    items: Items | BatchStream | None = None
    classes: int = 0
    wanted: WantedTargets = ONE_CLASS
    form: SampleForm = PLAIN
    varies: bool = False  # whether samples may have different lengths

    @property
    def has_all_labels(self) -> bool:
        return self.items is None or (isinstance(self.items, Items) and len(self.labels) == len(self.items))

    def check_labels(self, classes: int, ignored: int | None) -> list[str]:
        """What is to be said of them. Raises UserError where they are not those of a classifier."""
        labels = self.labels if ignored is None else self.labels[self.labels != ignored]
        if not len(labels):
            raise UserError(f"{self.title} has no label but {ignored}, which task.ignore_index leaves out")
        least, largest = int(labels.min()), int(labels.max())
        if least < 0 or largest >= classes:
            raise UserError(f"{self.title} has the label {least if least < 0 else largest}; in training there are {classes} classes, 0 to {classes - 1}")
        if classes < 2:
            raise UserError(f"{self.title} has a single class; a classifier needs at least two")
        unlabeled = 0 if ignored is None else int((self.labels == ignored).reshape(len(self.labels), -1).all(1).sum())
        return [unlabeled_text(self.title, unlabeled, len(self.labels), ignored)] if unlabeled else []

    def as_items(self, classes: int) -> Items | BatchStream:
        items = self.items or Items(StoredSamples(self.inputs, self.labels, self.form), self.title, self.wanted)
        items.classes = 0 if self.wanted.kind in {*NUMBERS, ANY} else classes
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


def part_of(given: Any, title: str, wanted: WantedTargets, config: SampledConfig) -> Part:
    """Raises UserError."""
    known = given.targets if isinstance(given, LabelledSamples) else None
    if is_stream(given):
        return _stream_part(BatchStream(given, title, wanted, workers=config.workers, prefetch=config.prefetch), title, wanted)
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
    if not isinstance(given, TorchDataset) or not isinstance(given, Sized):
        raise UserError(f"{title} is {kind_text(given)}; {WANTED} is expected")
    _check_filled(len(given), title)
    items = Items(given, title, wanted)
    if callable(collate := getattr(given, "collate", None)):
        items.collate = Collated(collate, title, wanted)
    rows = list(range(0, len(given), max(len(given) // LOOKED_AT, 1)))[:LOOKED_AT]
    inputs, some_labels = items.batch(rows) if items.collate is not None else stack_all([items[index] for index in rows])
    classes = 0 if wanted.kind in NUMBERS else _classes_of(given)
    if wanted.kind == MASKS and not classes:
        classes = _classes_in_masks(items, title)
    if known is not None:
        labels = numbers_to_predict(known, title, wanted.kind) if wanted.kind in NUMBERS else class_numbers(known, title)
    else:
        labels = some_labels if classes or wanted.kind == ANY else all_labels(items, title, rows, some_labels)
    return Part(title, inputs, labels, items, classes, wanted, items.form or PLAIN, varies=items.collate is not None)


def stack_all(samples: list[tuple[ModelInputs, Tensor]]) -> tuple[ModelInputs, Tensor]:
    return stack_samples([given for given, _ in samples]), torch.stack([label for _, label in samples])


def _stream_part(stream: BatchStream, title: str, wanted: WantedTargets) -> Part:
    """By its first batches; without the names of classes a whole pass over a DataLoader, which has an end, tells how many there are."""
    seen = stream.look()
    inputs, labels = seen[0]
    if all(targets.shape[1:] == labels.shape[1:] for _, targets in seen):
        labels = torch.cat([targets for _, targets in seen])
    classes = len(stream.names)
    if not classes and wanted.kind not in {*NUMBERS, ANY}:
        if not stream.per_pass:
            raise UserError(f"{title} has no length, so that nothing tells how many classes there are; give it an attribute `classes`, a list of their names")
        classes = max(count_classes(targets, wanted.ignored) for _, targets in stream.read(Reading(), ALWAYS_THE_SAME, LOOKED_AT))
    return Part(title, inputs, labels, stream, classes, wanted, stream.form or PLAIN, varies=True)


def _classes_of(samples: Any) -> int:
    """How many it says, as torchvision's sets do; 0 where it does not."""
    names = getattr(samples, "classes", None)
    return len(names) if isinstance(names, list | tuple) else 0


def _classes_in_masks(items: Items, title: str) -> int:
    """As all masks have them; not all of these are kept."""
    found, say_at = 0, time.monotonic() + _SAY_EVERY
    for index in one_by_one("reading the masks", range(len(items)), len(items)):
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
    looked_at = list(range(0, len(items), max(len(items) // LOOKED_AT, 1)))[: len(part.labels)]
    return said if said is not None and torch.equal(said[looked_at], part.labels) else all_labels(items, part.title, looked_at, part.labels)


def all_labels(items: Items, title: str, rows: Sequence[int], seen: Tensor) -> Tensor:
    """Every sample read once, as only that tells how many classes there are, or the scale of values. Of a set that says what it is recognised by
    they are kept, and taken where those of the `rows` that were just read are the same.
    """
    if not (fingerprint := items.said_fingerprint()):
        return _read_labels(items, title)
    made: list[Tensor] = []

    def read() -> dict[str, Any]:
        made.append(labels := _read_labels(items, title))
        return {"dtype": str(labels.dtype).removeprefix("torch."), "labels": labels.tolist()} if labels.numel() <= _KEPT else {}

    found = prepared("labels", [str(Path.cwd()), title, fingerprint, str(len(items)), items.wants], read)
    if made:
        return made[0]
    try:
        labels = torch.tensor(found["labels"], dtype=getattr(torch, found["dtype"]))
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError):
        return _read_labels(items, title)
    return labels if len(labels) == len(items) and torch.equal(labels[list(rows)], seen) else _read_labels(items, title)


def _read_labels(items: Items, title: str) -> Tensor:
    labels, say_at = [], time.monotonic() + _SAY_EVERY
    for index in one_by_one("reading the labels", range(len(items)), len(items)):
        labels.append(items[index][1])
        if time.monotonic() >= say_at:
            say_at = time.monotonic() + _SAY_EVERY
            saved = "; an attribute `classes` would save that" if items.counts_classes else ""
            print(f"{title}: {index + 1:,} of {len(items):,} labels read{saved}", flush=True)
    return torch.stack(labels)


def _check_filled(count: int, title: str) -> None:
    if not count:
        raise UserError(f"{title} is empty")
