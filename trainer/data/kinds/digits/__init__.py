"""The UCI handwritten digits."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.data.kinds import DataShape, LabeledData
from gradtop.trainer.declare import setting


class Digits(LabeledData):
    kind: Literal["digits"] = setting("digits", help="UCI handwritten digits, 8×8 grayscale, 1 797 images; included in gradtop.", effect="fork")

    builder: ClassVar = "gradtop.trainer.data.kinds.digits.loader:load"

    @property
    def shape(self) -> DataShape:
        return DataShape(1_437, 1, 8, 10)
