"""What is black and what is white in images that have more than 8 bits, found once for a data set.

Scaled each by its own values, an image would look as bright as any other; scaled by what 16 bits can hold, most are black.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from torch import Tensor

from gradtop.trainer.data.kinds.image_folder import ImageFolder
from gradtop.trainer.data.kinds.image_folder.images import (
    HIGH_BYTE,
    Depth,
    PixelRange,
    Unopenable,
    depth_of,
    open_image,
    stored_values,
)
from gradtop.trainer.data.kinds.image_folder.listing import File
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import one_by_one

# Formats that can have more than 8 bits.
_DEEP = (".png", ".tif", ".tiff", ".pgm", ".ppm")
_HEADERS, _MEASURED = 256, 32
# A few white or dead pixels say nothing of the others.
_OUTLIERS = 0.001
_MOST_VALUES = 1 << 16
# Bits that cameras and scanners have; stored in 16 they leave the upper ones empty.
_BITS = (1, 2, 4, 8, 10, 12, 14, 16)
# Scales that are usual for floats, where the values fill a quarter of one.
_USUAL = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (0.0, 65_535.0))
_FILLED = 0.25
_SAY_AFTER = 2.0


def scale_of(config: ImageFolder, files: Sequence[File]) -> tuple[PixelRange | None, list[str], dict[str, object]]:
    """As the configuration has it, else as some of the files tell: with what is to be said of it, and settings by key. Raises UserError."""
    if config.white > config.black:
        return PixelRange(config.black, config.white), [], {}
    found = find_pixel_range([file.path for file in files if not file.wrong])
    if found is None:
        return None, [], {}
    pixels, note = found
    return pixels, [note], {"data.black": pixels.black, "data.white": pixels.white}


def find_pixel_range(paths: Sequence[str]) -> tuple[PixelRange, str] | None:
    """Of some of the images, and what is to be said of it; None where none of them has more than 8 bits. Raises UserError."""
    deep = [path for path in spread([path for path in paths if path.lower().endswith(_DEEP)], _HEADERS) if _is_deep(path)]
    if not deep:
        return None
    depths: set[Depth] = set()
    ends: list[tuple[float, float]] = []
    began = time.monotonic()
    measured = spread(deep, _MEASURED)
    for number, path in enumerate(one_by_one("measuring images of more than 8 bits", measured, len(measured))):
        try:
            depth, values = stored_values(path)
        except Unopenable:
            continue
        if found := _ends(values):
            depths.add(depth)
            ends.append((found[0] * HIGH_BYTE, found[1] * HIGH_BYTE + HIGH_BYTE - 1) if depth == "high byte" else found)
        if time.monotonic() - began > _SAY_AFTER:
            began = time.monotonic()
            print(f"{number + 1} images of more than 8 bits measured, to scale all of them alike", flush=True)
    if not ends:
        return None
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if "float" in depths and len(depths) > 1:
        raise UserError("data.root: some images hold floats and others integers, which have no scale in common; convert them, or give data.black and data.white")
    if depths == {"high byte"} and high < HIGH_BYTE:
        raise UserError("data.root: of colour images of 16 bits Pillow reads the upper 8, and these are all 0; convert the images to 8 bits")
    pixels = _of_floats(low, high) if "float" in depths else _of_integers(low, high)
    kind = "floats" if "float" in depths else "more than 8 bits"
    black, white = (f"{value:,.6g}" for value in pixels)
    note = f"images of {kind}: {black} is black and {white} is white in all of them, by the values in {len(ends)} of them; data.black and data.white change it"
    return pixels, note


def spread(paths: Sequence[str], most: int) -> list[str]:
    """At most so many of them, evenly spread."""
    return list(paths) if len(paths) <= most else [paths[number * len(paths) // most] for number in range(most)]


def _is_deep(path: str) -> bool:
    try:
        with open_image(path) as image:
            return depth_of(image) != "byte"
    except Unopenable:
        return False


def _ends(values: Tensor) -> tuple[float, float] | None:
    """The least and the largest value but for outliers; None where no value is a number."""
    some = values[:: max(len(values) // _MOST_VALUES, 1)].float()
    some = some[some.isfinite()].sort().values
    if not len(some):
        return None
    beyond = int(len(some) * _OUTLIERS)
    return some[beyond].item(), some[-1 - beyond].item()


def _of_integers(low: float, high: float) -> PixelRange:
    if low < 0:
        return PixelRange(low, max(high, low + 1))
    needed = int(high).bit_length()
    bits = next((bits for bits in _BITS if bits >= needed), needed)
    return PixelRange(0.0, float(2**bits - 1))


def _of_floats(low: float, high: float) -> PixelRange:
    for black, white in _USUAL:
        if black <= low and high <= white and high - min(low, 0.0) >= _FILLED * (white - black):
            return PixelRange(black, white)
    black = min(low, 0.0)
    return PixelRange(black, high if high > black else black + 1)
