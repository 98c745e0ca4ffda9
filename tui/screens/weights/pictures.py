"""A parameter as a picture: which one is meant, where it comes from, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.analysis.formatting import number, shape
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import RunReader, RunState, StreamReader
from gradtop.trainer.record.pictures import ALL_CHANNELS, Picture, PictureKind, Wanted, kernel_size, layout
from gradtop.trainer.record.streams.registry import (
    ALL,
    CHANNEL,
    HEIGHT,
    KERNEL,
    KERNELS,
    NONFINITE,
    PARAMETER,
    PICTURE,
    WIDTH,
    picture_columns,
)
from gradtop.tui import keys
from gradtop.tui.widgets.heat_map import Heat

NEWEST = 16  # records among which one is that was asked for last
HEAD = (PICTURE, KERNEL, CHANNEL, KERNELS, HEIGHT, WIDTH, NONFINITE)


class Shown(NamedTuple):
    """A picture with the step and time of its weights; `time` is 0 where it is that of a checkpoint."""

    picture: Picture
    step: float
    time: float = 0.0


class PicturePart(NamedTuple):
    """The picture that is `wanted`, as far as the worker has taken it; else `checkpoint` has its weights, where one is kept.

    `live` says that the worker takes it now.
    """

    wanted: Wanted
    shape: tuple[int, ...]
    live: bool
    shown: Shown | None = None
    checkpoint: Path | None = None


def recorded_picture(reader: RunReader, wanted: Wanted, sizes: tuple[int, ...], stream: StreamReader, *, measuring: bool) -> PicturePart:
    live = measuring and reader.state.is_alive and reader.state is not RunState.PAUSED and not stream.unavailable(ALL)
    if layout(sizes, wanted) is None:
        return PicturePart(wanted, sizes, live)
    if live:
        return PicturePart(wanted, sizes, live, newest(stream, wanted, sizes))
    kept = reader.checkpoints()
    return PicturePart(wanted, sizes, live, checkpoint=kept[-1].path if kept else None)


def newest(stream: StreamReader, wanted: Wanted, sizes: Sequence[int]) -> Shown | None:
    """The newest record that is the picture wanted."""
    for segment in stream.segments[-1:]:
        names, places = segment.extra.get("parameters"), segment.places
        columns = (*HEAD, *picture_columns())
        if not isinstance(names, list) or wanted.parameter not in names or any(name not in places for name in (PARAMETER, *columns)):
            return None
        with segment.reading():
            for place in reversed(range(max(0, segment.valid - NEWEST), segment.valid)):
                row = segment.row(place)
                if row is None or row[places[PARAMETER]] != names.index(wanted.parameter):
                    continue
                found = Picture.from_numbers([row[places[name]] for name in columns])
                if found is not None and found.shows(wanted, sizes):
                    return Shown(found, row[0], row[1])
    return None


def heat(shown: Shown, wanted: Wanted, sizes: Sequence[int]) -> Heat | None:
    """What is drawn: signed weights about zero, absolute values from zero on; None where no number is finite."""
    picture = shown.picture
    found = [value for tile in picture.tiles for value in tile if math.isfinite(value)]
    if not found:
        return None
    largest = max(abs(value) for value in found)
    signed = picture.kind is PictureKind.KERNELS and min(found) < 0
    chosen = wanted.kernel - picture.first if picture.kind is PictureKind.KERNELS else None
    bad = f"× {number(picture.nonfinite)} not finite" if picture.nonfinite else ""
    words = " · ".join(filter(None, (bad, blocks(wanted, sizes))))
    return Heat(picture.tiles, picture.height, picture.width, -largest if signed else 0.0, largest, chosen, picture.first, words)


def blocks(wanted: Wanted, sizes: Sequence[int]) -> str:
    """What one cell stands for, where that is more than one weight."""
    found = layout(sizes, wanted)
    if found is None or found.down * found.across == 1:
        return ""
    kind = "max" if wanted.kind is PictureKind.MAX else "mean"
    what = "kernels" if wanted.kind is not PictureKind.KERNELS and kernel_size(sizes) else "weights"
    return f"a cell: {kind} of {found.down}×{found.across} {what}"


def picture_title(wanted: Wanted, sizes: Sequence[int]) -> str:
    """What the picture is, for its border."""
    if wanted.kind is PictureKind.KERNELS:
        if kernel_size(sizes) is None:
            return "kernels"
        kernel, channels = f"kernel {wanted.kernel} of {sizes[0]}", sizes[1]
        depth = f", {math.prod(sizes[2:-2])} slices below each other" if len(sizes) > 4 else ""
        if wanted.channel == ALL_CHANNELS:
            return f"{kernel} · mean |W| over {counted(channels, 'channel')}{depth}"
        return f"{kernel} · channel {wanted.channel} of {channels}{depth}"
    kind = "max |W|" if wanted.kind is PictureKind.MAX else "mean |W|"
    if kernel_size(sizes):
        return f"{kind}, {counted(sizes[0], 'kernel')} ↓ × {counted(sizes[1], 'channel')} →"
    return kind if blocks(wanted, sizes) else "|W|"


def why_none(wanted: Wanted, sizes: Sequence[int]) -> str:
    """Why a parameter has no such picture; "" where it has one."""
    if not sizes:
        return "a single number, or its shape was not recorded: there is no picture"
    if 0 in sizes:
        return f"the shape {shape(sizes)} holds no weights"
    if layout(sizes, wanted) is None:
        kind = "vector" if len(sizes) == 1 else "matrix"
        return f"a {kind} of {shape(sizes)} has no kernels; {keys.name('weights.map')} shows it as a heat map"
    return ""


def counted(count: int, noun: str) -> str:
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"
