"""Image files, brought to square colour images of one size."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.runtime.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".jfif")
_ORIENTATION = 0x0112


class Unopenable(Exception):
    """A file that holds no image, or a damaged one."""


def check_decoder() -> None:
    """Raises UserError where there is nothing that decodes images. Imported here, it is there in every worker."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise UserError("data.kind = image_folder needs Pillow, which is not installed: pip install pillow") from error


def read_picture(path: str, size: int) -> Tensor:
    """(3, size, size) uint8: as a viewer would show it, the shorter side scaled to `size`, the middle cut out."""
    from PIL import Image

    try:
        # A camera's odd remark in a file is nobody's concern, once for each image and epoch.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                # A JPEG is decoded at an eighth, a quarter or half of its size, where that is enough.
                image.draft("RGB", (size, size))
                turned = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
                colour = _in_colour(image)
    except Exception as error:  # a decoder may trip over broken bytes in any way
        raise Unopenable(str(error) or type(error).__name__) from error
    width, height = colour.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    square = colour.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    if turned is not None:
        square = square.transpose(Image.Transpose(turned))
    pixels = torch.frombuffer(bytearray(square.tobytes()), dtype=torch.uint8)
    return pixels.view(size, size, 3).permute(2, 0, 1).contiguous()


# How an image with that orientation (EXIF 2.3) is turned to be upright: the numbers of PIL's Transpose.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}


def _in_colour(image: Any) -> Any:
    """Red, green and blue; what is transparent lies on white, grey of 16 bits is scaled to 8."""
    from PIL import Image

    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
