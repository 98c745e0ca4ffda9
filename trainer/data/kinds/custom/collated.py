"""Batches that a collate function of the user's makes: read as inputs and targets, or what is wrong with them in a sentence."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from gradtop.trainer.data.kinds.custom.items import SAMPLE, kind_text, of_use
from gradtop.trainer.data.kinds.custom.labels import like_text
from gradtop.trainer.data.loading import RefusedBatch
from gradtop.trainer.data.nested import ModelInputs, as_inputs, inputs_text, tensors_in
from gradtop.trainer.data.sample_form import SampleForm, form_of
from gradtop.trainer.data.targets import ANY, NUMBERS, WantedTargets
from gradtop.trainer.runtime.errors import TracedError, UserError


@dataclass(frozen=True)
class FailedSample:
    """In place of a sample whose reading raised an exception."""

    sentence: str


class Collated:
    """Makes a batch of samples by the user's function, and sees whether a task can read it; `classes` is 0 where that is not known."""

    def __init__(self, collate: Callable[[Any], Any] | None, title: str, wanted: WantedTargets) -> None:
        self._collate = collate or default_collate
        self._title = title
        self._wanted = wanted
        self.classes = 0
        self.form: SampleForm | None = None

    def for_loader(self, samples: Any) -> tuple[ModelInputs, Tensor, RefusedBatch | None]:
        """As a DataLoader calls it, in whatever process."""
        try:
            return *self(samples), None
        except UserError as error:
            return torch.empty(0), torch.empty(0), RefusedBatch(str(error), isinstance(error, TracedError))

    def __call__(self, samples: Any) -> tuple[ModelInputs, Tensor]:
        """Raises UserError."""
        several = samples if isinstance(samples, list | tuple) else [samples]
        if failed := next((each for each in several if isinstance(each, FailedSample)), None):
            raise TracedError(failed.sentence)
        try:
            made = self._collate(samples)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            # It is the user's own code: its traceback tells them more than any sentence of ours.
            traceback.print_exc()
            first = (str(error).strip().splitlines() or [""])[0]
            hint = "; for samples of different lengths give the set a function `collate`, which pads them" if self._collate is default_collate else ""
            raise TracedError(f"{self._title}: the collate function raised {type(error).__name__}: {first}{hint}") from error
        return self.divided(made)

    def divided(self, made: Any) -> tuple[ModelInputs, Tensor]:
        """Inputs and targets of a batch. Raises UserError."""
        title, wanted = f"{self._title}: a batch", self._wanted
        form = form_of(made, alone=wanted.kind == ANY)
        if form is None:
            raise UserError(f"{title} is {kind_text(made)}; as a sample, it must be {SAMPLE}")
        given, labels = form.divide(made)
        try:
            inputs = as_inputs(given)
            targets = torch.empty(len(tensors_in(inputs)[0]), 0) if labels is None else torch.as_tensor(labels)
        except (TypeError, ValueError, RuntimeError, IndexError):
            raise UserError(f"{title} is {kind_text(made)}, of which not all are tensors or numbers; let the collate function return tensors") from None
        tensors = [*tensors_in(inputs), targets]
        if not all(each.dim() for each in tensors) or len({len(each) for each in tensors}) > 1 or not len(targets):
            raise UserError(f"{title} has inputs {inputs_text(inputs, like_text)} and targets {like_text(targets)}; the first dimension of each must be the samples")
        inputs, targets = of_use(inputs, targets, title, wanted)
        if isinstance(inputs, Tensor) and inputs.dtype == torch.uint8 and inputs.dim() < 4:
            inputs = inputs.long()  # as of samples one by one: no pixels
        if self.classes and wanted.kind not in {*NUMBERS, ANY} and not bool(((targets >= 0) & (targets < self.classes) | (targets == wanted.ignored)).all()):
            wrong = targets[((targets < 0) | (targets >= self.classes)) & (targets != wanted.ignored)]
            raise UserError(f"{title} has the label {int(wrong.flatten()[0])}; there are {self.classes} classes, 0 to {self.classes - 1}")
        self.form = form
        return inputs, targets
