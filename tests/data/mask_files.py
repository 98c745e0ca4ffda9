"""Folders of pictures with masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

IGNORED = 255
SIDE = 16


def labels(number: int, width: int = SIDE, height: int = SIDE) -> np.ndarray[Any, Any]:
    """A quarter of another class in each corner but one, and a pixel that is ignored."""
    found = np.zeros((height, width), np.uint8)
    found[: height // 2, : width // 2] = 1 + number % 2
    found[-1, -1] = IGNORED
    return found


def picture_of(mask: np.ndarray[Any, Any]) -> Image.Image:
    """Grey that says the label: 0, 80, 160 and 255."""
    return Image.fromarray(np.stack([np.minimum(mask.astype(np.int64) * 80, 255).astype(np.uint8)] * 3, -1))


def write_pairs(root: Path, count: int = 8, *, write: Callable[[np.ndarray[Any, Any], Path], None] | None = None, width: int = SIDE, height: int = SIDE) -> Path:
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for number in range(count):
        mask = labels(number, width, height)
        picture_of(mask).save(root / "images" / f"{number}.png")
        if write is None:
            Image.fromarray(mask).save(root / "masks" / f"{number}.png")
        else:
            write(mask, root / "masks" / f"{number}.png")
    return root
