"""The benchmarks: `python -m tests.bench [NAME[:PART,…] …] [--json FILE]`. Ends with 1 where a figure does not reach its limit."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import FrameType

from tests.bench.figure import Figure, row, table

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NAMES = {
    "starting": "the interpreter beside gradtop, and gradtop --help",
    "opening": "from exec to the first chart; memory; bytes on disk",
    "listing": "the list of ten thousand runs",
    "searching": "a search of ten thousand trials on the screen",
    "trials": "between two trials of a search, and a hundred beside Optuna's own loop",
    "overlay": "twenty long runs over each other",
    "scalars": "recording twenty values",
    "live": "an open screen while a run goes on, and its keys",
    "pictures": "weights as pictures, of a run that trains and of one that ended",
    "growth": "the memory of a screen in an hour's worth of keys",
    "restart": "from an edit to the first step of the new run, forked too; a live change",
    "changes": "a hundred live changes to a run of ten million steps",
    "server": "the torch server: counts, plans, a screen that opens beside a training, memory",
    "training": "monitoring, and a plain PyTorch loop; of training:mlp,cnn,resnet18,transformer alone",
    "choosing": "what a speed test chooses, beside all combinations, and a plain loop; of choosing:mlp,cnn alone",
    "augmentation": "images varied on the device, and by workers",
    "images": "a folder of images and a Dataset of one's own, beside plain DataLoaders",
    "metrics": "evaluations with five metrics, beside the loss alone",
    "tables": "a table, from reading it to the first step, beside pandas",
}


def main() -> int:
    listed = "\n".join(f"  {name:<14}{what}" for name, what in NAMES.items())
    parser = argparse.ArgumentParser(description=f"{__doc__}\n\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="NAME", nargs="*", help="which to run (default: all), and of some which parts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    chosen = {name: [part for part in parts.split(",") if part] for name, _, parts in (each.partition(":") for each in options.names or NAMES)}
    if unknown := set(chosen) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; these are: {', '.join(NAMES)}")
    for number in SIGNALS:
        signal.signal(number, leave)
    figures: list[Figure] = []
    for name, parts in chosen.items():
        module = import_module(f"tests.bench.{name}")
        if unknown := set(parts) - set(known := getattr(module, "PARTS", {})):
            parser.error(f"{name} has no part {', '.join(sorted(unknown))}; its parts are: {', '.join(known) or 'none'}")
        # Closed at once where it is left in the middle, and what it started with it.
        with closing(module.measure(*parts)) as measured:
            for figure in measured:
                print("  ".join(filter(None, row(figure)[:4])), file=sys.stderr, flush=True)
                figures.append(figure)
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "figures": [each.to_json() for each in figures]}, indent=1), encoding="utf-8")
    return 0 if all(figure.reached for figure in figures) else 1


def leave(number: int, _frame: FrameType | None) -> None:
    """End as after an error: what was started ends too, and no second signal comes in the way of that."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def machine() -> dict[str, object]:
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
