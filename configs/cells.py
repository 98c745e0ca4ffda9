"""Writes pictures and masks for mask_folder.toml: 400 cells under a microscope, invented: python configs/cells.py"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

SIDE = 48
COUNT = 400
CELL, NUCLEUS = 1, 2  # in the masks; what is between the cells is 0
PALETTE = [0, 0, 0, 64, 160, 96, 224, 192, 64]


def main(folder: Path) -> None:
    chance = random.Random(0)  # noqa: S311 - no secret
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(COUNT):
        picture, mask = sample(chance)
        picture.save(folder / "images" / f"{number:03}.png")
        mask.save(folder / "masks" / f"{number:03}.png")


def sample(chance: random.Random) -> tuple[Image.Image, Image.Image]:
    """Cells of a pale colour with a dark nucleus, under uneven light, out of focus and grainy; beside them dark specks, which are none."""
    picture, mask = Image.new("RGB", (SIDE, SIDE), (225, 215, 225)), Image.new("P", (SIDE, SIDE))
    mask.putpalette(PALETTE)
    paint, label = ImageDraw.Draw(picture), ImageDraw.Draw(mask)
    for _ in range(chance.randint(2, 5)):
        x, y, wide, high = chance.uniform(4, SIDE - 4), chance.uniform(4, SIDE - 4), chance.uniform(5, 10), chance.uniform(5, 10)
        around = (x - wide, y - high, x + wide, y + high)
        paint.ellipse(around, fill=(chance.randint(185, 215), chance.randint(140, 180), chance.randint(185, 215)))
        label.ellipse(around, fill=CELL)
        x, y, size = x + chance.uniform(-2, 2), y + chance.uniform(-2, 2), chance.uniform(2, 3.5)
        paint.ellipse((x - size, y - size, x + size, y + size), fill=(110, 70, 140))
        label.ellipse((x - size, y - size, x + size, y + size), fill=NUCLEUS)
    for _ in range(chance.randint(0, 6)):
        x, y = chance.uniform(0, SIDE), chance.uniform(0, SIDE)
        paint.ellipse((x - 1, y - 1, x + 1, y + 1), fill=(90, 80, 90))
    picture = picture.filter(ImageFilter.GaussianBlur(1))
    angle, strength = chance.uniform(0, 2 * math.pi), chance.uniform(0, 25)
    values = bytearray(picture.tobytes())
    for place in range(SIDE * SIDE):
        down, across = divmod(place, SIDE)
        shade = strength * ((across - SIDE / 2) * math.cos(angle) + (down - SIDE / 2) * math.sin(angle)) / SIDE + chance.gauss(0, 12)
        for at in range(3 * place, 3 * place + 3):
            values[at] = min(255, max(0, round(values[at] + shade)))
    return Image.frombytes("RGB", (SIDE, SIDE), bytes(values)), mask


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "cells"))
