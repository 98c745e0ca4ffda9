"""Small tables, as the tests of them need them."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

Rows = Sequence[Mapping[str, object]]

RUN = """
[model]
kind = "mlp"
hidden = [8]

[data]
kind = "table"
file = {file}
target = {target}
{data}

[optimizer]
lr = 0.02

[training]
epochs = {epochs}
batch_size = 16
device = "cpu"
seed = 3
{training}
"""


def houses(count: int = 120, seed: int = 0) -> list[dict[str, object]]:
    """Numbers, a boolean, words and missing values; the price follows from them, and `dear` says whether it is high."""
    chance = random.Random(seed)
    made: list[dict[str, object]] = []
    for _ in range(count):
        area, district, garden = chance.uniform(30, 200), chance.choice(["north", "south", "old town"]), chance.random() < 0.4
        price = area * (3 + ("north", "south", "old town").index(district)) + 60 * garden
        made.append({
            "area": "" if chance.random() < 0.1 else f"{area:.1f}", "rooms": max(1, int(area / 25)), "garden": str(garden).lower(), "district": district,
            "heating": chance.choice(["gas", "oil", ""]), "price": f"{price:.1f}", "dear": "yes" if price > 400 else "no",
        })
    return made


def write_csv(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.DictWriter(file, list(rows[0]))
        lines.writeheader()
        lines.writerows(rows)
    return path


def table_config(file: Path, target: Sequence[str] = ("price",), *, data: str = 'drop = ["dear"]', epochs: int = 2, training: str = "") -> str:
    return RUN.format(file=repr(str(file)), target=list(target), data=data, epochs=epochs, training=training)
