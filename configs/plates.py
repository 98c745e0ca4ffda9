"""Writes a folder of pictures for unbalanced_images.toml: 1,140 plates, invented, few with a fault: python configs/plates.py"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 32
COUNTS = {"good": 1000, "scratch": 100, "hole": 40}


def main(folder: Path) -> None:
    chance = random.Random(0)  # noqa: S311 - no secret
    for kind, count in COUNTS.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            plate(kind, chance).save(folder / kind / f"{number:04}.png")


def plate(kind: str, chance: random.Random) -> Image.Image:
    """Grain, and a shadow as there is on many good ones, too; then the fault."""
    light = chance.randint(110, 190)
    image = Image.new("L", (SIDE, SIDE))
    image.putdata([min(255, max(0, round(chance.gauss(light, 18)))) for _ in range(SIDE * SIDE)])
    draw = ImageDraw.Draw(image)
    if chance.random() < 0.5:
        across = chance.randint(0, SIDE)
        draw.rectangle((across, 0, across + 2, SIDE), fill=light - 40)
    x, y = chance.uniform(8, SIDE - 8), chance.uniform(8, SIDE - 8)
    if kind == "scratch":
        angle, half = chance.uniform(0, math.pi), chance.uniform(4, 9)
        draw.line((x - half * math.cos(angle), y - half * math.sin(angle), x + half * math.cos(angle), y + half * math.sin(angle)), fill=light - 60)
    elif kind == "hole":
        radius = chance.uniform(1.5, 3)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=light - 60)
    return image


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "plates"))
