"""Random images that can be learned."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.data.kinds import DataShape, LabeledData
from gradtop.trainer.declare import setting


class Fake(LabeledData):
    kind: Literal["fake"] = setting("fake", help="Learnable random images, for benchmarks and tests.", effect="fork")
    samples: int = setting(1_024, help="Number of training images.", unit="images", effect="fork", ge=1, le=10_000_000)
    classes: int = setting(10, help="Number of classes.", effect="fork", ge=2, le=100_000)
    image_size: int = setting(32, help="Height and width of the images.", unit="pixels", effect="fork", ge=1, le=4_096)
    channels: int = setting(3, help="Channels of the images: 1 is grayscale, 3 is RGB.", effect="fork", ge=1, le=64)

    builder: ClassVar = "gradtop.trainer.data.kinds.fake.loader:load"

    @property
    def shape(self) -> DataShape:
        return DataShape(self.samples, self.channels, self.image_size, self.classes)
