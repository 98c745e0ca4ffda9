"""How a text becomes numbers and numbers a text: one for each character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from gradtop.trainer.data.kinds.text import CHARACTER_WISE
from gradtop.trainer.data.tokens import number_type
from gradtop.trainer.metrics import CHARACTERS


class TextEncoding(Protocol):
    """`names` has the text of each number, as far as these have one; there are `classes` numbers."""

    @property
    def unit(self) -> str:
        """What has a number: characters or tokens."""
        ...

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def classes(self) -> int: ...

    def encode(self, text: str) -> Tensor: ...

    def decode(self, numbers: Tensor) -> str: ...

    def unknown(self, text: str) -> list[str]:
        """The characters of a text that have no number, in order."""
        ...

    def record(self) -> dict[str, Any]:
        """As a checkpoint can hold it."""
        ...


@dataclass(frozen=True)
class CharacterEncoding:
    """A character that `names` lacks is the last of the `classes`, where there is one more of these."""

    names: str
    classes: int
    unit: ClassVar[str] = CHARACTERS

    def encode(self, text: str) -> Tensor:
        numbers = {character: number for number, character in enumerate(self.names)}
        strange = len(self.names)
        return torch.tensor([numbers.get(character, strange) for character in text], dtype=number_type(self.classes))

    def decode(self, numbers: Tensor) -> str:
        """A character that the training part lacks is U+FFFD."""
        return "".join(self.names[number] if number < len(self.names) else "\ufffd" for number in numbers.tolist())

    def unknown(self, text: str) -> list[str]:
        return sorted({*text} - {*self.names})

    def record(self) -> dict[str, Any]:
        return {"tokenizer": CHARACTER_WISE, "vocabulary": self.names, "classes": self.classes}
