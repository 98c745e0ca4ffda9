"""A text file, character by character."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.data.kinds import DataConfig
from gradtop.trainer.declare import setting


class Text(DataConfig):
    kind: Literal["text"] = setting("text", help="A text file, character by character, for language models.", effect="fork")
    file: str = setting("", help="Path of a UTF-8 text file; empty for the book included in gradtop.", effect="fork")
    validation: float = setting(0.1, help="Fraction of the text, at its end, used for validation.", effect="fork", gt=0, lt=1)

    inputs: ClassVar = "characters"
    builder: ClassVar = "gradtop.trainer.data.kinds.text.loader:load"
