"""How a sample of the user's own data divides into the inputs of a model and a target, and how a batch becomes again what the samples are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gradtop.trainer.data.nested import ModelInputs

# Of a dict, as the data collators of Hugging Face's transformers have it.
TARGET_KEYS = ("labels", "label", "target", "targets")
PAIR, FLAT, KEYED, ALONE = "pair", "flat", "keyed", "alone"


@dataclass(frozen=True)
class SampleForm:
    """(input, target); `flat`: several inputs and a target in one tuple; `keyed`: a dict with the target under `key`; `alone`: without a target."""

    kind: str = PAIR
    key: str = ""

    def divide(self, sample: Any) -> tuple[Any, Any]:
        """Inputs and target of a sample of this form; None where there is no target."""
        if self.kind == KEYED:
            return {name: each for name, each in sample.items() if name != self.key}, sample[self.key]
        if self.kind == FLAT:
            return tuple(sample[:-1]), sample[-1]
        return (sample[0], sample[1]) if self.kind == PAIR else (sample, None)

    def join(self, inputs: ModelInputs, targets: Tensor) -> Any:
        """A batch as the samples are."""
        if self.kind == KEYED:
            return {**inputs, self.key: targets}
        if self.kind == FLAT:
            return (*inputs, targets)
        return (inputs, targets) if self.kind == PAIR else inputs


PLAIN = SampleForm()


def form_of(sample: Any, *, alone: bool) -> SampleForm | None:
    """None for what has no target, unless it may be `alone`."""
    if isinstance(sample, Mapping):
        key = next((key for key in TARGET_KEYS if key in sample), None)
        if key is not None and len(sample) > 1:
            return SampleForm(KEYED, key)
    elif isinstance(sample, tuple | list) and len(sample) > 1:
        return SampleForm(PAIR if len(sample) == 2 else FLAT)
    return SampleForm(ALONE) if alone else None
