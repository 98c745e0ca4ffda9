"""The UCI handwritten digits."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.data.kinds import DataShape, LabeledData
from gradtop.trainer.declare import setting

TRAINING = 1_437  # images, of 1 797


class Digits(LabeledData):
    kind: Literal["digits"] = setting("digits", help="UCI handwritten digits, 8×8 grayscale, 1 797 images; included in gradtop.", effect="fork")
    test: float = setting(0.0, help="Fraction of the training images held out as a test set, which is evaluated once at the end.", effect="fork", ge=0, lt=0.9)

    builder: ClassVar = "gradtop.trainer.data.kinds.digits.loader:load"

    @property
    def shape(self) -> DataShape:
        return DataShape(TRAINING - round(TRAINING * self.test), 1, 8, 10)
