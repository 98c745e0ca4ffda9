"""Weights as pictures: which picture of which parameter is meant, what size it has, and the numbers that one consists of.

A picture is the same numbers in the stream and in what the torch server reads from a checkpoint: see `Picture.from_numbers`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record.streams.registry import CELLS

HEAD = 7  # numbers before the cells
MOST_INDEX = 1 << 40


class PictureKind(IntEnum):
    """Kernels of one channel, or |W| over all kernels and channels reduced to a matrix by its mean or its maximum."""

    KERNELS = 0
    MEAN = 1
    MAX = 2


ALL_CHANNELS = -1  # as a channel: the mean of |W| over the channels of each kernel


class Wanted(NamedTuple):
    """A picture of a parameter: the kernels around `kernel` in `channel`, or a map of at most `height` × `width` cells."""

    parameter: str
    kind: PictureKind
    kernel: int = 0
    channel: int = 0
    height: int = 0
    width: int = 0

    def to_json(self) -> list[object]:
        return [self.parameter, int(self.kind), self.kernel, self.channel, self.height, self.width]

    @staticmethod
    def from_json(found: object) -> Wanted | None:
        """None where that is no picture."""
        if not isinstance(found, list) or len(found) != 6 or not isinstance(found[0], str):
            return None
        if not all(type(number) is int and -1 <= number < MOST_INDEX for number in found[1:]) or found[1] not in list(PictureKind):
            return None
        return Wanted(found[0], PictureKind(found[1]), *found[2:])


class Layout(NamedTuple):
    """`tiles` from number `first` on, of `height` × `width` cells each, of which one stands for `down` × `across` weights."""

    first: int
    tiles: int
    height: int
    width: int
    down: int = 1
    across: int = 1


def kernel_size(shape: Sequence[int]) -> tuple[int, int] | None:
    """Rows and columns of one kernel, the slices of a 3-D one below each other; None where a parameter has no kernels."""
    if len(shape) < 3 or 0 in shape:
        return None
    return math.prod(shape[2:-1]), shape[-1]


def matrix_size(shape: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of a parameter as a matrix: one row of a vector, one cell for each kernel and channel where it has these."""
    rows, columns = (shape[0], shape[1]) if len(shape) > 1 else (1, math.prod(shape))
    return rows, columns


def layout(shape: Sequence[int], wanted: Wanted) -> Layout | None:
    """How a picture is laid out in at most `CELLS` cells; None where there is none of such a shape."""
    if 0 in shape or not shape:
        return None
    if wanted.kind is PictureKind.KERNELS:
        size = kernel_size(shape)
        if size is None or not 0 <= wanted.kernel < shape[0] or not ALL_CHANNELS <= wanted.channel < shape[1]:
            return None
        down, across = _blocks(size, *size)
        height, width = -(-size[0] // down), -(-size[1] // across)
        most = max(1, CELLS // (height * width))
        first = wanted.kernel // most * most
        return Layout(first, min(most, shape[0] - first), height, width, down, across)
    rows, columns = matrix_size(shape)
    down, across = _blocks((rows, columns), wanted.height, wanted.width)
    return Layout(0, 1, -(-rows // down), -(-columns // across), down, across)


def _blocks(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """How many rows and columns are together one cell, so that the cells fit and are no more than `CELLS`."""
    rows, columns = size
    down, across = -(-rows // max(1, height)), -(-columns // max(1, width))
    while -(-rows // down) * -(-columns // across) > CELLS:
        if rows * across > columns * down:
            down += max(1, down // 64)  # a run may claim kernels of any size
        else:
            across += max(1, across // 64)
    return down, across


class Picture(NamedTuple):
    """The cells of each tile, row by row; NaN stands for a cell that holds a weight which is not finite, of which there are `nonfinite`."""

    kind: PictureKind
    channel: int
    first: int
    height: int
    width: int
    tiles: tuple[tuple[float, ...], ...]
    nonfinite: float = 0.0

    def shows(self, wanted: Wanted, shape: Sequence[int]) -> bool:
        """Whether this is the picture that is wanted."""
        found = layout(shape, wanted)
        return (
            found is not None
            and (self.kind, self.first, len(self.tiles), self.height, self.width) == (wanted.kind, found.first, found.tiles, found.height, found.width)
            and (self.kind is not PictureKind.KERNELS or self.channel == wanted.channel)
        )

    @staticmethod
    def from_numbers(numbers: Sequence[float]) -> Picture | None:
        """Kind, first kernel, channel, tiles, height, width, how many weights are not finite, and the cells; None where they are none."""
        head, cells = numbers[:HEAD], numbers[HEAD:]
        if len(head) < HEAD or not all(math.isfinite(number) and number == int(number) and abs(number) < MOST_INDEX for number in head):
            return None
        kind, first, channel, tiles, height, width, nonfinite = map(int, head)
        size = height * width
        if kind not in list(PictureKind) or min(tiles, height, width) < 1 or tiles * size > len(cells) or min(first, nonfinite) < 0:
            return None
        found = [number if math.isfinite(number) else math.nan for number in cells[: tiles * size]]
        parts = tuple(tuple(found[start : start + size]) for start in range(0, tiles * size, size))
        return Picture(PictureKind(kind), channel, first, height, width, parts, float(nonfinite))
