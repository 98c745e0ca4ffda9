"""Masks of pixels: read as they are stored, checked once, and brought to the square that a picture becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import torch
from torch import Tensor

from gradtop.trainer.data.kinds.image_folder.images import (
    PixelRange,
    Unopenable,
    open_image,
    read_picture,
    square_box,
    upright_size,
)
from gradtop.trainer.data.kinds.image_folder.pairs import MaskPair
from gradtop.trainer.data.loading import UnreadableSample
from gradtop.trainer.runtime.errors import UserError

MOST = 1 << 16  # values that a mask can have
GREY, DEEP = ("L", "P", "1"), ("I;16", "I;16L", "I;16B", "I")


def mask_values(path: str | BinaryIO) -> tuple[tuple[int, int], list[int]]:
    """Width and height of a mask, and the values in it. Raises Unopenable."""
    with open_image(path) as image:
        size, mode = image.size, image.mode
        _check_mode(image)
        if mode == "1":
            return size, [number for number, count in enumerate((image.histogram()[0], image.histogram()[-1])) if count]
        if mode in GREY:
            return size, [value for value, count in enumerate(image.histogram()[:256]) if count]
        return size, [int(value) for value in _numbers(image).unique()]


def read_mask(path: str | BinaryIO, size: int, labels: Tensor, unknown: int) -> Tensor:
    """(size, size) int64: the square that a picture of this size becomes, each pixel the label of the nearest. Raises Unopenable, also where a value has no label."""
    from PIL import Image

    with open_image(path) as image:
        _check_mode(image)
        square = image.resize((size, size), Image.Resampling.NEAREST, box=square_box(*image.size))
        found = labels[_numbers(square).view(size, size)]
    if bool((found == unknown).any()):
        raise Unopenable("a value in it is new since the masks were looked through")
    return found


def _check_mode(image: Any) -> None:
    if image.mode not in (*GREY, *DEEP):
        raise Unopenable(f"it is no mask but a picture of mode {image.mode}; a mask has a palette or grey values")


def _numbers(image: Any) -> Tensor:
    """The stored values, flat, int64."""
    if image.mode in GREY:
        values = torch.frombuffer(bytearray(image.convert("L").tobytes() if image.mode == "1" else image.tobytes()), dtype=torch.uint8).long()
        return (values > 0).long() if image.mode == "1" else values
    return torch.frombuffer(bytearray(image.convert("I").tobytes()), dtype=torch.int32).long().clamp_(0, MOST - 1)


def look_at(pair: MaskPair) -> list[int] | str:
    """The values of a mask, or why the pair cannot be read. Raises UserError where the mask has another size than its picture."""
    try:
        with open_image(pair.picture.path) as image:
            wanted = upright_size(image)
        size, values = mask_values(pair.mask.path)
    except Unopenable as error:
        return str(error)
    if size != wanted:
        raise UserError(f"data.root: the mask {pair.mask.path} is {size[0]}×{size[1]} pixels, and its picture {pair.picture.path} {wanted[0]}×{wanted[1]}; they must be of one size")
    return values


def class_values(found: Mapping[str, Sequence[int]], wanted: Sequence[int], ignored: int | None) -> tuple[int, ...]:
    """The value of each class, in order: `wanted`, else 0 to the largest in the masks, of which `found` has the values by path. Raises UserError."""
    if wanted:
        known = {*wanted, ignored}
        for path, values in found.items():
            if unknown := [value for value in values if value not in known]:
                raise UserError(
                    f"data.mask_values: the mask {path} has the value {unknown[0]}, which is none of {', '.join(map(str, wanted))}"
                    f"{f', nor {ignored}, which is ignored (task.ignore_index)' if ignored is not None else ''}"
                )
        return tuple(wanted)
    there = sorted({value for values in found.values() for value in values} - {ignored})
    # A class may be in no mask, but not most of them.
    if len(there) < 2 or there[-1] + 1 > 2 * len(there):
        without = f" beside {ignored}, which is ignored (task.ignore_index)" if any(ignored in values for values in found.values()) else ""
        example = sorted({*there, *([ignored] if without and ignored is not None else [])})
        raise UserError(
            f"data.mask_values: the masks have the value{'s' if len(there) != 1 else ''} {', '.join(map(str, there[:8])) or 'none'}{' …' if len(there) > 8 else ''}{without}; "
            f"name the values of the classes in their order, such as data.mask_values = {example[:8] if len(example) > 1 else [0, 1]}"
        )
    return tuple(range(there[-1] + 1))


def label_table(values: Sequence[int], ignored: int | None, unknown: int) -> Tensor:
    """The label of each value that a mask can have."""
    table = torch.full((MOST,), unknown, dtype=torch.int64)
    if ignored is not None and 0 <= ignored < MOST:
        table[ignored] = ignored
    table[list(values)] = torch.arange(len(values))
    return table


class MaskFiles:
    """Pictures with their masks by number, read when they are asked for."""

    labels = None

    def __init__(self, pairs: Sequence[MaskPair], part: str, size: int, values: Sequence[int], ignored: int | None, pixels: PixelRange | None = None, wrong: Mapping[str, str] | None = None) -> None:
        self.pairs = list(pairs)
        self._part, self._size, self._pixels = part, size, pixels
        self._unknown = min(-1, (ignored or 0) - 1)
        self._table = label_table(values, ignored, self._unknown)
        self._wrong = {} if wrong is None else wrong

    @property
    def files(self) -> list[Any]:
        return [file for pair in self.pairs for file in pair]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor] | UnreadableSample:
        pair = self.pairs[index]
        if reason := self._why(pair):
            return self._unreadable(pair, reason)
        try:
            return read_picture(pair.picture.path, self._size, self._pixels), read_mask(pair.mask.path, self._size, self._table, self._unknown)
        except Unopenable as error:
            return self._unreadable(pair, str(error))

    def _why(self, pair: MaskPair) -> str:
        return pair.wrong or self._wrong.get(pair.mask.path, "")

    def known_unreadable(self) -> list[UnreadableSample]:
        """Those of which the directory, or the look at all masks, has told that they cannot be read."""
        return [self._unreadable(pair, reason) for pair in self.pairs if (reason := self._why(pair))]

    def instead(self, index: int) -> list[int]:
        """Others, in an order of its own."""
        step = 7_919
        return [other for number in range(1, min(len(self), 101)) if (other := (index + number * step) % len(self)) != index]

    def size_of(self, _name: str) -> int:
        return len(self)

    def _unreadable(self, pair: MaskPair, reason: str) -> UnreadableSample:
        return UnreadableSample(pair.picture.path, reason, f"pictures with masks for {self._part}")
