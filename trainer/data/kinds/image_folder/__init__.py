"""Images in folders, one folder for each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradtop.trainer.data.kinds import (
    DataShape,
    LabeledData,
    disagreeing_mask_values,
    mask_values_setting,
    prefetch_setting,
)
from gradtop.trainer.data.targets import CLASSES, MASKS
from gradtop.trainer.declare import setting


class ImageFolder(LabeledData):
    kind: Literal["image_folder"] = setting("image_folder", help="A folder with one subfolder of images per class, or with train and val (validation, valid, dev) in it, and test, which is evaluated once, at the end; for segmentation images and masks.", effect="fork")
    root: str = setting("images", help="Root directory of the images.", effect="fork", pattern=r"\S", expected="a folder")
    image_size: int = setting(64, help="Size of the images: the shorter side is resized, then center cropped.", unit="pixels", effect="fork", ge=8, le=4_096)
    validation: float = setting(0.1, help="Fraction of the images used for validation, where there is no folder for it.", effect="fork", gt=0, lt=1)
    workers: int = setting(2, help="Data loading processes; 0 loads in the training process.", unit="processes", effect="fork", ge=0, le=256)
    prefetch: int = prefetch_setting()
    mask_values: tuple[int, ...] = mask_values_setting()
    black: float = setting(0.0, help="Pixel value that is black in images of more than 8 bits; determined from the images if black and white are equal.", effect="fork")
    white: float = setting(0.0, help="Pixel value that is white in images of more than 8 bits.", effect="fork")

    targets: ClassVar = (CLASSES, MASKS)
    builder: ClassVar = "gradtop.trainer.data.kinds.image_folder.loader:load_images"
    outline: ClassVar = "gradtop.trainer.data.kinds.image_folder.loader:outline_folder"

    def disagreements(self) -> Iterator[tuple[str, str]]:
        yield from disagreeing_mask_values(self.mask_values)

    @property
    def shape(self) -> DataShape:
        return DataShape(channels=3, size=self.image_size)
