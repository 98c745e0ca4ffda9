"""A table of numbers and words: from the start of reading to the end of the first step, beside pandas and a TensorDataset."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.figure import Figure, in_turns, median_ratio

STEP_TIME = "time to the first step"
ROWS, NUMBERS, CATEGORIES, TIMES = 1_000_000, 16, 4, 3

# What both ways end with; `model`, `inputs` and `targets` come from above. Both have torch with its optimizers before the clock starts.
STEP = """
loss = torch.nn.functional.mse_loss(model(inputs)[:, 0], targets.float())
loss.backward()
torch.optim.AdamW(model.parameters()).step()
seconds = time.perf_counter() - begin
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
print(json.dumps({"seconds": seconds, "mb": int(peak) / 1024}))
"""
OURS = """
import json, re, sys, time
import torch
torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
from gradtop.trainer.data.kinds.table import TableData
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.targets import WantedTargets
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.kinds.mlp import Mlp
begin = time.perf_counter()
source = load_data(TableData(file=sys.argv[1], target=("target",)), seed=0, wanted=WantedTargets(open=True))
model = build_model(Mlp(), source.info)
inputs, targets = next(source.training(256, seed=0, device=torch.device("cpu")).epoch(0))
"""
# However small a table is.
KEEPING = "import gradtop.trainer.data.kinds.table.cache\ngradtop.trainer.data.kinds.table.cache.WORTH = 1\nbegin ="
THEIRS = """
import json, re, sys, time
import torch
torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
from torch.utils.data import DataLoader, TensorDataset
begin = time.perf_counter()
import pandas
frame = pandas.read_csv(sys.argv[1])
targets = torch.tensor(frame.pop("target").to_numpy("float32"))
words = [name for name in frame if not pandas.api.types.is_numeric_dtype(frame[name])]
validation = frame.sample(frac=0.2, random_state=0).index
training = frame.index.difference(validation)
for name in frame:
    if name in words:
        frame[name] = frame[name].astype("category").cat.codes.astype("float32") + 1
    else:
        some = frame[name].loc[training]
        frame[name] = ((frame[name] - some.mean()) / some.std()).fillna(0).astype("float32")
rows = torch.from_numpy(frame.to_numpy("float32"))
inside = torch.tensor(training.to_numpy())
outside = torch.tensor(validation.to_numpy())
parts = [TensorDataset(rows[some], targets[some]) for some in (inside, outside)]
model = torch.nn.Sequential(torch.nn.Linear(rows.shape[1], 128), torch.nn.ReLU(), torch.nn.Linear(128, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
inputs, targets = next(iter(DataLoader(parts[0], 256, shuffle=True)))
"""


def measure(rows: int = ROWS) -> Iterator[Figure]:
    if importlib.util.find_spec("pandas") is None:
        print("tables: pandas, which the reading of tables is measured beside, is not installed: pip install pandas", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="gradtop-") as folder:
        file = Path(folder) / "table.csv"
        write(file, rows)
        kept, keeping = Path(folder) / "kept", OURS.replace("begin =", KEEPING, 1)
        first_step(keeping, file, kept)
        taken = in_turns({"ours": partial(first_step, OURS, file), "theirs": partial(first_step, THEIRS, file), "again": partial(first_step, keeping, file, kept)}, TIMES)
    again, theirs = ([each["seconds"] for each in taken[way]] for way in ("again", "theirs"))
    ratio = median_ratio(again, theirs)
    yield Figure(
        f"the same table, parsed by a run before: {STEP_TIME}", ratio, "×", 1.0, ratio=ratio,
        reference=f"pandas and a TensorDataset, {statistics.median(theirs):,.1f} s", details={"s": statistics.median(again)},
    )
    for what, unit, limit in (("seconds", STEP_TIME, 1.0), ("mb", "peak memory", 1.2)):
        ours, theirs = ([each[what] for each in taken[way]] for way in ("ours", "theirs"))
        ratio = median_ratio(ours, theirs)
        word = "s" if what == "seconds" else "MB"
        yield Figure(
            f"a table of {rows:,} × {NUMBERS + CATEGORIES}: {unit}", ratio, "×", limit, ratio=ratio,
            reference=f"pandas and a TensorDataset, {statistics.median(theirs):,.1f} {word}", details={word: statistics.median(ours)},
        )


def write(file: Path, rows: int) -> None:
    chance = random.Random(0)
    with file.open("w", encoding="utf-8") as lines:
        names = [*(f"number{each}" for each in range(NUMBERS)), *(f"word{each}" for each in range(CATEGORIES)), "target"]
        lines.write(",".join(names) + "\n")
        for _ in range(rows):
            numbers = [f"{chance.random():.6f}" for _ in range(NUMBERS)]
            words = [f"w{chance.randrange(50)}" for _ in range(CATEGORIES)]
            lines.write(",".join([*numbers, *words, f"{chance.random():.6f}"]) + "\n")


def first_step(code: str, file: Path, cache: Path | None = None) -> dict[str, float]:
    """Nothing is known of the file but what lies in the cache."""
    with tempfile.TemporaryDirectory(prefix="gradtop-") as empty:
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache or empty)}
        found = subprocess.run([sys.executable, "-c", code + STEP, str(file)], check=True, capture_output=True, text=True, env=environment)
    told: dict[str, float] = json.loads(found.stdout)
    return told
