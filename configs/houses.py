"""Writes houses.csv for table_regression.toml: 3,000 houses, invented, and their prices. Run it in the folder above: python configs/houses.py"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

# By how much a square metre costs more than 3 (thousand), and a house sells for.
DISTRICTS = {"harbour": 1.4, "old town": 2.2, "north": 0.0, "south": 0.6, "university": 1.8, "station": 0.3}
HEATING = {"gas": 0, "heat pump": 35, "oil": -25, "district": 20}


def main(path: Path) -> None:
    chance = random.Random(0)  # noqa: S311 - no secret
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "area", "rooms", "built", "garden", "district", "heating", "energy_class", "price"])
        for number in range(1, 3001):
            area, built = chance.uniform(30, 220), chance.randint(1900, 2025)
            garden, district, heating = chance.random() < 0.4, chance.choice(list(DISTRICTS)), chance.choice(list(HEATING))
            energy = chance.choice("ABCDE")
            price = area * (3 + DISTRICTS[district]) + 60 * garden + HEATING[heating] - 12 * "ABCDE".index(energy) - 0.012 * abs(built - 1960) ** 1.5
            shown = "" if chance.random() < 0.05 else f"{area:.1f}"
            lines.writerow([number, shown, max(1, round(area / 28)), built, str(garden).lower(), district, heating if chance.random() < 0.9 else "", energy, f"{price + chance.gauss(0, 20):.1f}"])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "houses.csv"))
