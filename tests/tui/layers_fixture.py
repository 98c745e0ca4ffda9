"""Runs whose `layers` stream says what a test wants it to say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradtop.trainer.record import Column, Run, SegmentWriter
from tests.tui.runs_fixture import fake_run


def parameter(name: str, *sizes: int, **more: Any) -> dict[str, Any]:
    """One row of the table of parameters."""
    row = {
        "name": name,
        "module": name.rpartition(".")[0],
        "shape": list(sizes),
        "count": math.prod(sizes),
        "trainable": True,
        "dtype": "float32",
        "bytes": 4 * math.prod(sizes),
        "tied_to": "",
    }
    return {**row, **more}


def module(path: str, kind: str, formula: str = "", shape: str = "") -> dict[str, Any]:
    return {"path": path, "kind": kind, "formula": formula, "shape": shape}


def wide_table(blocks: int, layers: int) -> dict[str, Any]:
    """A large model: so many blocks of so many linear layers."""
    paths = [f"encoder.block{block}.linear{layer}" for block in range(blocks) for layer in range(layers)]
    modules = [module("", "Transformer"), module("encoder", "Encoder"), *(module(f"encoder.block{block}", "Block") for block in range(blocks))]
    modules += [module(path, "Linear", "64 × 64 + 64", "64×64") for path in paths]
    parameters = [row for path in paths for row in (parameter(f"{path}.weight", 64, 64), parameter(f"{path}.bias", 64))]
    return {"model": "transformer", "parameters": parameters, "modules": modules}


class Layers:
    """A run of this model; `measure` adds a record."""

    def __init__(self, runs: Path, table: Mapping[str, Any], *, name: str = "quiet-heron", state: str = "training") -> None:
        self.run: Run
        self.run, grower = fake_run(runs, name, steps=0, state=state)
        grower.close()
        for path in self.run.streams.glob("layers*"):
            path.unlink()
        self.names = [row["name"] for row in table["parameters"] if not row["tied_to"]]
        columns = [Column(f"{what}/{each}", sparse=what == "update_ratio") for each in self.names for what in ("grad_norm", "weight_norm", "update_ratio")]
        self._writer = SegmentWriter(self.run, "layers", columns, extra=table)
        self.step = 0

    def measure(self, norms: Mapping[str, float] | float, *, ratio: float = math.nan, times: int = 1) -> None:
        """Each parameter's norm, or one for all."""
        for _ in range(times):
            values: list[float] = []
            for name in self.names:
                values += [norms.get(name, 1.0) if isinstance(norms, Mapping) else norms, 5.0, ratio]
            self._writer.append(self.step, 1e9 + self.step, values)
            self.step += 10


def small_table(**more: Any) -> dict[str, Any]:
    """Two layers in a block, one beside it; `more` goes into the row of `body.second.weight`."""
    return {
        "model": "net",
        "parameters": [
            parameter("body.first.weight", 128, 784),
            parameter("body.first.bias", 128),
            parameter("body.second.weight", 64, 128, **more),
            parameter("body.second.bias", 64),
            parameter("head.weight", 10, 64),
        ],
        "modules": [
            module("", "Net"),
            module("body", "Sequential"),
            module("body.first", "Linear", "784 × 128 + 128", "128×784"),
            module("body.relu", "ReLU"),
            module("body.second", "Linear", "128 × 64 + 64", "64×128"),
            module("head", "Linear", "64 × 10", "10×64"),
        ],
    }


NAMES: Sequence[str] = [row["name"] for row in small_table()["parameters"]]
