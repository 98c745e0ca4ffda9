"""Predicted masks as files: of the size of their pictures, with the values that masks for training have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.config import Config
from gradtop.trainer.data.kinds.image_folder.images import open_image, square_box, upright_size
from gradtop.trainer.runtime.errors import UserError

BYTE = 256
SUFFIX = ".png"


class MaskWriter:
    """Writes into a folder, a PNG for each picture and named like it. What lies outside of the square that the model sees is ignored.

    Colours are for viewers: what a reader gets are numbers, those of `data.mask_values`, else of the classes.
    """

    def __init__(self, folder: Path, files: Sequence[str], config: Config, classes: int, *, overwrite: bool) -> None:
        """Raises UserError where a file would take the place of another one."""
        self._folder = folder
        ignored = config.task.wanted.ignored
        values = [*(getattr(config.data, "mask_values", ()) or range(classes))]
        self._values = torch.tensor(values)
        taken = set(values)
        self.outside = ignored if ignored is not None and 0 <= ignored < BYTE**2 and ignored not in taken else next(value for value in (*reversed(range(BYTE)), *range(BYTE, BYTE**2)) if value not in taken)
        self._deep = max(*values, self.outside) >= BYTE
        self._paths = {file: folder / f"{Path(file).stem}{SUFFIX}" for file in files}
        seen: dict[Path, str] = {}
        for file, path in self._paths.items():
            if path in seen:
                raise UserError(f"--masks {folder}: the masks of {seen[path]} and {file} would both be {path.name}; predict them one after the other, into two folders")
            if path == Path(file):
                raise UserError(f"--masks {folder}: {path} is one of the pictures; choose another folder")
            if path.exists() and not overwrite:
                raise UserError(f"--masks {folder}: {path} already exists; replace it with --overwrite, or choose another folder")
            seen[path] = file
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--masks {folder}: the folder cannot be made ({error.strerror or error})") from error

    def write(self, file: str, labels: Tensor) -> Path:
        """`labels` are (size, size), of the square in the middle of the picture. Raises UserError where it cannot be written; then there is no half of it."""
        from PIL import Image

        path = self._paths[file]
        with open_image(file) as picture:
            width, height = upright_size(picture)
        numbers = self._values[labels.cpu()]
        left, top, right, bottom = (round(edge) for edge in square_box(width, height))
        mask = Image.new("I" if self._deep else "L", (width, height), self.outside)
        square = Image.fromarray(numbers.to(torch.int32 if self._deep else torch.uint8).numpy())
        mask.paste(square.resize((right - left, bottom - top), Image.Resampling.NEAREST), (left, top))
        made: Any = mask.convert("I;16") if self._deep else mask
        if not self._deep:
            made.putpalette(palette())
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            made.save(part, format="PNG")
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise UserError(f"--masks: {path} cannot be written ({error.strerror or error})") from error
        return path


def palette() -> list[int]:
    """Red, green and blue of each number, those that follow each other far apart: its bits, spread over the three, as in Pascal VOC."""
    found = []
    for number in range(BYTE):
        colour = [0, 0, 0]
        for bit in range(8):
            colour[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
        found += colour
    return found
