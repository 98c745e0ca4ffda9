"""What monitoring costs a training step, and how fast training is beside a plain loop of PyTorch."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from gradtop.trainer.config import Config, load_config
from gradtop.trainer.data.load import load_data
from gradtop.trainer.launch.worker_environment import worker_environment
from tests.bench.figure import Figure, in_turns, median_ratio
from tests.bench.lane import Lane

CONFIGS = Path(__file__).parents[2] / "configs"


class Example(NamedTuple):
    """A configuration, changed so that it needs no download and its schedule does not end, and how many epochs are timed. `short` names it on the command line."""

    short: str
    name: str
    file: str
    changes: tuple[str, ...]
    warm_up: int
    epochs: int


# What the plain loop does not do.
UNVARIED = ("schedule.kind=constant", "augment.rotation=0", "augment.crop=0", "augment.erasing=0", "augment.mixup=0", "training.ema=0")
EXAMPLES = (
    Example("mlp", "MLP on digits", "digits_mlp.toml", (), 6, 60),
    Example("cnn", "CNN on digits", "digits.toml", UNVARIED, 6, 15),
    Example("resnet18", "ResNet18 on 32×32", "cifar10_resnet18.toml", ("data.kind=fake", "data.samples=512", "training.batch_size=64"), 5, 21),
    Example("transformer", "character transformer", "language_model.toml", (), 2, 9),
)
PARTS = {example.short: example for example in EXAMPLES}
# On a CPU as they are; on a GPU also as one would train there.
WAYS: dict[str, tuple[tuple[str, ...], ...]] = {"cpu": ((),), "cuda": ((), ("training.precision=bf16", "training.compile=true"))}


def measure(*parts: str) -> Iterator[Figure]:
    for kind in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for way in WAYS[kind]:
            for part in parts or PARTS:
                yield from figures(PARTS[part], torch.device(kind), way)


def figures(example: Example, device: torch.device, way: tuple[str, ...]) -> Iterator[Figure]:
    """Each timed epoch of ours beside one of ours without monitoring, and of the plain loop in two environments."""
    file = CONFIGS / example.file
    changes = ("training.epochs=1000", f"training.device={device.type}", *example.changes, *way)
    worker, script = worker_environment(), dict(os.environ)
    with ExitStack() as stack:

        def lane(ways: Sequence[str], env: Mapping[str, str]) -> Lane:
            made = Lane(ways, file, changes, env)
            stack.callback(made.close)
            return made

        ours, plain, kept = lane(("watched", "bare"), worker), lane(("plain",), script), lane(("plain",), worker)
        ways = {
            "watched": partial(ours.epoch, "watched"),
            "bare": partial(ours.epoch, "bare"),
            "plain": partial(plain.epoch, "plain"),
            "kept": partial(kept.epoch, "plain"),
        }
        in_turns(ways, example.warm_up)
        taken = in_turns(ways, example.epochs)
    steps, samples = size(load_config(file, changes), device)
    name = ", ".join((example.name, *([device.type] if device.type != "cpu" else []), *(["bf16", "compiled"] if way else [])))
    median = {way: statistics.median(times) for way, times in taken.items()}
    ratio = median_ratio(taken["watched"], taken["bare"])
    reference = f"without, {1e6 * median['bare'] / steps:.0f} µs a step"
    yield Figure(f"{name}: step with monitoring", ratio, "×", 1.01, reference=reference, ratio=ratio)
    ratio = median_ratio(taken["plain"], taken["watched"])
    reference = f"a plain PyTorch loop, {samples / median['plain']:,.0f} samples/s"
    details = {
        "samples/s": samples / median["watched"],
        "without monitoring, ×": median_ratio(taken["plain"], taken["bare"]),
        "against the loop in a worker's environment, ×": median_ratio(taken["kept"], taken["watched"]),
    }
    yield Figure(f"{name}: samples/s", ratio, "×", 1.0, at_least=True, reference=reference, ratio=ratio, details=details)


def size(config: Config, device: torch.device) -> tuple[int, int]:
    """Steps and samples of an epoch."""
    batches = load_data(config.data, seed=0, context=config.model.window).training(config.training.batch_size, seed=0, device=device)
    return batches.per_epoch, sum(len(targets) for _, targets in batches.epoch(0))
