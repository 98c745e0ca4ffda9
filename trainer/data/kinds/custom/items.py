"""Samples of the user's own data, looked at as they come: whatever is wrong with one is said with its number."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Protocol

import torch
from torch import Tensor

from gradtop.trainer.data.kinds.custom.labels import (
    FLOATS,
    WHOLE,
    class_numbers,
    dtype_name,
    like_text,
    numbers_to_predict,
)
from gradtop.trainer.data.nested import (
    ModelInputs,
    as_inputs,
    inputs_text,
    is_tensor_like,
    layout_of,
    map_tensors,
    stack_samples,
    take_rows,
)
from gradtop.trainer.data.sample_form import ALONE, PLAIN, SampleForm, form_of
from gradtop.trainer.data.targets import ANY, NUMBERS, WantedTargets
from gradtop.trainer.runtime.errors import TracedError, UserError

SAMPLE = "(input, label), a tuple with the label at its end, or a dict with a key labels, label, target or targets"


@dataclass(frozen=True)
class StoredSamples:
    """What lies in memory, one by one."""

    inputs: ModelInputs
    labels: Tensor
    form: SampleForm

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        return self.form.join(take_rows(self.inputs, index), self.labels[index])


class Collate(Protocol):
    """Makes a batch of samples of different lengths."""

    form: SampleForm | None

    def __call__(self, samples: Sequence[Any], /) -> tuple[ModelInputs, Tensor]: ...


class Items:
    """A torch Dataset whose samples are looked at as they come: whatever is wrong with one is said with its number."""

    def __init__(self, samples: Any, title: str, wanted: WantedTargets) -> None:
        self._samples = samples
        self._wanted = wanted
        self._title = title
        self._like: tuple[Any, ...] = ()
        self.form: SampleForm | None = None
        self.collate: Collate | None = None
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
        return self._wanted.kind not in {*NUMBERS, ANY}

    @property
    def wants(self) -> str:
        """What its labels are looked at for, in a word."""
        return f"{self._wanted.kind} {self._wanted.ignored}"

    def said_fingerprint(self) -> str:
        """The attribute `fingerprint`, which changes when a label does; "" where there is none."""
        said = getattr(self._samples, "fingerprint", "")
        return said if isinstance(said, str) else ""

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

    def __getitem__(self, index: int) -> tuple[ModelInputs, Tensor]:
        return self._checked(self._sample(index), index)

    def batch(self, indices: Sequence[int]) -> tuple[ModelInputs, Tensor]:
        """Several samples, stacked. To look at each takes longer than to read many a one: only where something is wrong with a batch is it done."""
        samples = [self._sample(index) for index in indices]
        if self.collate is not None:
            made = self.collate(samples)
            self.form = self.collate.form
            return made
        if (whole := self._at_once(samples)) is not None:
            return whole
        checked = [self._checked(sample, index) for sample, index in zip(samples, indices, strict=True)]
        return stack_samples([given for given, _ in checked]), torch.stack([label for _, label in checked])

    def _at_once(self, samples: Sequence[Any]) -> tuple[Tensor, Tensor] | None:
        """Pairs of a tensor and a label, of use as those before; None where it takes a closer look."""
        if not self._like or self._wanted.kind == ANY or (stacked := stacked_pairs(samples)) is None:
            return None
        try:
            given, label = of_use(*stacked, self._title, self._wanted)
        except UserError:
            return None
        if (layout_of(given[0]), label.shape[1:], PLAIN) != self._like or not self._within(label):
            return None
        return given, label

    def _sample(self, index: int) -> Any:
        try:
            return self._samples[index]
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            # It is the user's own code: its traceback tells them more than any sentence of ours.
            traceback.print_exc()
            raise TracedError(f"{self._title}, sample {index}: {type(error).__name__}: {error}") from error

    def _within(self, label: Tensor) -> bool:
        """Whether each is the number of a class, where these are known."""
        return not self.classes or bool(((label >= 0) & (label < self.classes) | (label == self._wanted.ignored)).all())

    def _checked(self, sample: Any, index: int) -> tuple[ModelInputs, Tensor]:
        title = f"{self._title}, sample {index}"
        given, label = self._divided(sample, title)
        given, label = of_use(given, label, title, self._wanted)
        like = (layout_of(given), label.shape, self.form)
        if self.collate is None and like != (self._like or like):
            structure = "shape and type" if isinstance(given, Tensor) else "structure, shapes and types"
            target = f" with a label {like_text(label)}" if like[0] == self._like[0] else ""
            raise UserError(f"{title} is {inputs_text(given, like_text)}{target}, and others are not; all samples must have the same {structure}")
        self._like = like
        if not self._within(label):
            raise UserError(f"{title} has the label {label.tolist()}; in training there are {self.classes} classes, 0 to {self.classes - 1}")
        return given, label

    def _divided(self, sample: Any, title: str) -> tuple[ModelInputs, Tensor]:
        """Inputs and label as tensors. Raises UserError."""
        form = form_of(sample, alone=self._wanted.kind == ANY)
        if form is None:
            raise UserError(f"{title} is {kind_text(sample)}; {SAMPLE} is expected")
        given, label = form.divide(sample)
        if self._wanted.kind == ANY and not is_tensor_like(label):
            form, given, label = SampleForm(ALONE), sample, None
        self.form = form
        try:
            return as_inputs(given), torch.empty(0) if label is None else torch.as_tensor(label)
        except (TypeError, ValueError, RuntimeError):
            kinds = " and ".join(kind_text(each) if isinstance(each, Mapping) else type(each).__name__ for each in ((given,) if label is None else (given, label)))
            expected = "tensors and numbers" if self._wanted.kind == ANY else f"a tensor and {'a number' if self._wanted.kind in NUMBERS else 'an integer'}"
            raise UserError(f"{title} is {kinds}; {expected} are expected") from None


def stacked_pairs(samples: Sequence[Any]) -> tuple[Tensor, Tensor] | None:
    """Inputs and labels of tuples (tensor or array, integer or tensor), each alike in shape and type; None of anything else."""
    if not all(type(sample) is tuple and len(sample) == 2 for sample in samples):
        return None
    inputs, labels = zip(*samples, strict=True)
    if (numpy := sys.modules.get("numpy")) is not None and type(inputs[0]) is numpy.ndarray:
        try:
            inputs = tuple(map(torch.as_tensor, inputs))
        except (TypeError, ValueError, RuntimeError):
            return None
    if not alike(inputs) or (inputs[0].dtype == torch.uint8 and inputs[0].dim() < 3):  # what bytes are depends on the dimensions of one sample
        return None
    if all(isinstance(label, Integral) and not isinstance(label, bool) for label in labels):
        return torch.stack(inputs), torch.tensor(labels)
    return (torch.stack(inputs), torch.stack(labels)) if alike(labels) else None


def alike(tensors: Sequence[Any]) -> bool:
    """Whether all are tensors on the CPU, of one shape and type."""
    first = tensors[0]
    return isinstance(first, Tensor) and all(isinstance(each, Tensor) and each.dtype == first.dtype and each.shape == first.shape and each.is_cpu for each in tensors)


def of_use(given: ModelInputs, labels: Tensor, title: str, wanted: WantedTargets) -> tuple[ModelInputs, Tensor]:
    """As a model takes them: bytes, float32 or int64, and int64 labels or float32 values. Raises UserError."""
    if wanted.kind == ANY:
        labels = _as_taken(labels, title, alone=False)
    else:
        labels = numbers_to_predict(labels, title, wanted.kind) if wanted.kind in NUMBERS else class_numbers(labels, title)
    return map_tensors(lambda tensor: _as_taken(tensor, title, alone=isinstance(given, Tensor)), given), labels


def _as_taken(inputs: Tensor, title: str, *, alone: bool) -> Tensor:
    """`alone`: one that no mask stands beside. Raises UserError."""
    if inputs.dtype in FLOATS:
        inputs = inputs.float()
        # A sum is found in a fraction of the time; it may overflow where no value does.
        if not bool(inputs.sum().isfinite()) and not bool(inputs.isfinite().all()):
            raise UserError(f"{title} has inputs that are not finite; remove NaN and infinity")
    elif inputs.dtype in WHOLE:
        # Bytes of pixels stay bytes; other integers name something, as characters.
        inputs = inputs if inputs.dtype == torch.uint8 and inputs.dim() >= 3 else inputs.long()
    elif alone or inputs.dtype != torch.bool:
        raise UserError(f"{title} has inputs of {dtype_name(inputs.dtype)}; floats, bytes or integers are expected")
    return inputs


def kind_text(given: Any) -> str:
    if isinstance(given, Mapping):
        inside = ", ".join(f"{name}: {type(each).__name__}" for name, each in list(given.items())[:6]) + (" …" if len(given) > 6 else "")
        return f"a {type(given).__name__} ({inside})" if given else f"an empty {type(given).__name__}"
    if isinstance(given, tuple | list):
        inside = ", ".join(type(each).__name__ for each in given[:4]) + (" …" if len(given) > 4 else "")
        return f"a {type(given).__name__} of {len(given)} ({inside})" if given else f"an empty {type(given).__name__}"
    return type(given).__name__
