"""Image files, brought to square colour images of one size."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal

import torch
from torch import Tensor

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.runtime.errors import UserError

_ORIENTATION = 0x0112
_PHOTOMETRIC, _WHITE_IS_ZERO = 0x0106, 0
# How an image with that orientation (EXIF 2.3) is turned to be upright: the numbers of PIL's Transpose.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
_SIDEWAYS = (5, 6, 7, 8)

# What a value is: a byte of 0 to 255; an integer or a float of no agreed scale; or the high byte of 16 bits, which is all
# that Pillow gives of colour images of 16 bits.
Depth = Literal["byte", "integer", "float", "high byte"]
HIGH_BYTE = 256


class PixelRange(NamedTuple):
    """What is black and what is white in images that have not bytes."""

    black: float
    white: float


class Unopenable(Exception):
    """A file that holds no image, or a damaged one."""


class WithoutScale(Unopenable):
    """Of values of which nobody knows what is black and what white."""


def check_decoder() -> None:
    """Raises UserError where there is nothing that decodes images. Imported here, it is there in every worker."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise UserError("data.kind = image_folder needs Pillow, which is not installed: pip install pillow") from error


@contextmanager
def open_image(path: str | BinaryIO) -> Iterator[Any]:
    """The image, whose header has been read. Raises Unopenable, also for what goes wrong with it in the block."""
    from PIL import Image, UnidentifiedImageError

    try:
        # A camera's odd remark in a file is nobody's concern, once for each image and epoch.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                yield image
    except Unopenable:
        raise
    except Exception as error:  # a decoder may trip over broken bytes in any way
        reason = "no image, or of a kind that Pillow does not read" if isinstance(error, UnidentifiedImageError) else str(error)
        raise Unopenable(reason or type(error).__name__) from error


def depth_of(image: Any) -> Depth:
    """Of an image that has not been loaded yet: afterwards nobody knows."""
    if image.mode.startswith("I"):
        return "integer"
    if image.mode == "F":
        return "float"
    arguments = image.tile[0][3] if image.tile else ""
    packed = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return "high byte" if isinstance(packed, str) and re.search(r";16", packed) else "byte"


def read_picture(path: str | BinaryIO, size: int, pixels: PixelRange | None = None) -> Tensor:
    """(3, size, size) uint8: as a viewer would show it, the shorter side scaled to `size`, the middle cut out.

    `pixels` is the scale of values that are no bytes, for all images of a data set.
    """
    from PIL import Image

    with open_image(path) as image:
        depth = depth_of(image)
        # A JPEG is decoded at an eighth, a quarter or half of its size, where that is enough.
        image.draft("RGB", (size, size))
        image.load()
        # Not before: Pillow turns a TIFF while loading it, and takes the orientation out of it.
        turned = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
        colour = image.convert("F") if depth in ("integer", "float") else _in_colour(image)
        square = colour.resize((size, size), Image.Resampling.BILINEAR, box=square_box(*colour.size))
        if turned is not None:
            square = square.transpose(Image.Transpose(turned))
        inverted = depth in ("integer", "float") and _white_is_zero(image)
    if depth == "byte":
        return _values(square, torch.uint8).view(size, size, 3).permute(2, 0, 1).contiguous()
    if pixels is None:
        raise WithoutScale("it has more than 8 bits per channel, and none had that was looked at before training; give data.black and data.white")
    black, white = pixels
    if depth == "high byte":
        values = _values(square, torch.uint8).view(size, size, 3).permute(2, 0, 1).float()
        black, white = black // HIGH_BYTE, max(white // HIGH_BYTE, black // HIGH_BYTE + 1)
    else:
        values = _values(square, torch.float32).view(1, size, size)
    # What is no number is black.
    light = values.sub_(black).div_(white - black).nan_to_num_(nan=0.0, posinf=1.0, neginf=0.0).clamp_(0, 1)
    if inverted:
        light = 1 - light
    return light.mul_(255).round_().to(torch.uint8).expand(3, size, size).contiguous()


def square_box(width: int, height: int) -> tuple[float, float, float, float]:
    """The square in the middle that a picture is cut to."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def upright_size(image: Any) -> tuple[int, int]:
    """Width and height as a viewer shows it."""
    width, height = image.size
    turned = image.getexif().get(_ORIENTATION, 1) in _SIDEWAYS
    return (height, width) if turned else (width, height)


def stored_values(path: str) -> tuple[Depth, Tensor]:
    """(values,) of an image as they are stored: float32, or uint8 where these are bytes. Raises Unopenable."""
    with open_image(path) as image:
        depth = depth_of(image)
        image.load()
        if depth in ("integer", "float"):
            return depth, _values(image.convert("F"), torch.float32)
        return depth, _values(_in_colour(image), torch.uint8)


def _values(image: Any, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(bytearray(image.tobytes()), dtype=dtype)


def _white_is_zero(image: Any) -> bool:
    """Of a TIFF, where Pillow sees to it in images of bytes only."""
    return bool(getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _in_colour(image: Any) -> Any:
    """Red, green and blue; what is transparent lies on white."""
    from PIL import Image

    if image.mode == "LAB":
        from PIL import ImageCms

        return ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB")
    if {"A", "a"} & set(image.getbands()) or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
