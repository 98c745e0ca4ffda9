"""The model that the runs of tests tell of, and the plan of its learning rate."""

from __future__ import annotations

import math

PARAMETERS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("stem.weight", "Conv2d", (16, 1, 3, 3)),
    ("stem.bias", "Conv2d", (16,)),
    ("block1.conv.weight", "Conv2d", (32, 16, 3, 3)),
    ("block1.conv.bias", "Conv2d", (32,)),
    ("block2.conv.weight", "Conv2d", (64, 32, 3, 3)),
    ("block2.conv.bias", "Conv2d", (64,)),
    ("head.weight", "Linear", (10, 256)),
    ("head.bias", "Linear", (10,)),
)
MODULES = (("stem", "Conv2d"), ("relu1", "ReLU"), ("block1.conv", "Conv2d"), ("relu2", "ReLU"), ("block2.conv", "Conv2d"), ("relu3", "ReLU"), ("head", "Linear"))
BINS = 64


def layer_table() -> dict[str, object]:
    """What the `layers` stream says about the model."""
    rows = [
        {
            "name": name,
            "module": name.rpartition(".")[0],
            "shape": list(shape),
            "count": math.prod(shape),
            "trainable": True,
            "dtype": "float32",
            "bytes": 4 * math.prod(shape),
            "tied_to": "",
        }
        for name, _kind, shape in PARAMETERS
    ]
    modules = [
        {"path": "", "kind": "CNN", "formula": "", "shape": ""},
        {"path": "stem", "kind": "Conv2d", "formula": "1·3·3·16 + 16", "shape": "16×1×3×3"},
        {"path": "block1", "kind": "Sequential", "formula": "", "shape": ""},
        {"path": "block1.conv", "kind": "Conv2d", "formula": "16·3·3·32 + 32", "shape": "32×16×3×3"},
        {"path": "block2", "kind": "Sequential", "formula": "", "shape": ""},
        {"path": "block2.conv", "kind": "Conv2d", "formula": "32·3·3·64 + 64", "shape": "64×32×3×3"},
        {"path": "head", "kind": "Linear", "formula": "256 × 10 + 10", "shape": "10×256"},
    ]
    return {"parameters": rows, "modules": modules, "model": "cnn", "could_tie": []}


def planned(step: float, steps: int, lr: float, warmup: int = 200) -> float:
    if step < warmup:
        return lr * (step + 1) / warmup
    return 0.5 * lr * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
