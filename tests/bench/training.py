"""What monitoring costs a training step, and how fast training is beside a plain loop of PyTorch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from tests.bench.figure import Figure, in_turns, median_ratio
from tests.bench.place import a_place
from tests.bench.plain import Epoch, plain
from trainer.config import Config, dump_config, load_config
from trainer.loop import train_epoch
from trainer.progress import Progress
from trainer.record import Inbox, Status, StreamWriter, new_run
from trainer.session import Session
from trainer.setup import prepare
from trainer.signals import Signals
from trainer.steering import Steering

CONFIGS = Path(__file__).parents[2] / "configs"


class Example(NamedTuple):
    """A configuration, changed so that it needs no download and its schedule does not end, and how many epochs are timed."""

    name: str
    file: str
    changes: tuple[str, ...]
    warm_up: int
    epochs: int


EXAMPLES = (
    Example("MLP on digits", "digits_mlp.toml", (), 6, 60),
    Example("CNN on digits", "digits.toml", (), 6, 15),
    Example("ResNet18 on 32×32", "cifar10_resnet18.toml", ("data.kind=fake", "data.samples=512", "training.batch_size=64"), 5, 21),
    Example("character transformer", "language_model.toml", (), 2, 9),
)
# On a CPU as they are; on a GPU also as one would train there.
WAYS: dict[str, tuple[tuple[str, ...], ...]] = {"cpu": ((),), "cuda": ((), ("training.precision=bf16", "training.compile=true"))}


def measure() -> Iterator[Figure]:
    for kind in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for way in WAYS[kind]:
            for example in EXAMPLES:
                yield from figures(example, torch.device(kind), way)


def figures(example: Example, device: torch.device, way: tuple[str, ...]) -> Iterator[Figure]:
    """Each timed epoch of ours beside one of ours without monitoring and one of the plain loop."""
    config = load_config(CONFIGS / example.file, ["training.epochs=1000", f"training.device={device.type}", *example.changes, *way])
    with session(config) as watched, session(without_monitor(config)) as bare:
        ways: dict[str, Epoch] = {"watched": partial(train_epoch, watched), "bare": partial(train_epoch, bare), "plain": plain(config, device)}
        timed = {name: partial(seconds, epoch, device) for name, epoch in ways.items()}
        in_turns(timed, example.warm_up)
        taken = in_turns(timed, example.epochs)
        steps = watched.batches.per_epoch
        samples = sum(len(targets) for _, targets in watched.batches.epoch(0))
    name = ", ".join((example.name, *([device.type] if device.type != "cpu" else []), *(["bf16", "compiled"] if way else [])))
    median = {way: statistics.median(times) for way, times in taken.items()}
    ratio = median_ratio(taken["watched"], taken["bare"])
    reference = f"without, {1e6 * median['bare'] / steps:.0f} µs a step"
    yield Figure(f"{name}: step with monitoring", ratio, "×", 1.01, reference=reference, ratio=ratio)
    ratio = median_ratio(taken["plain"], taken["watched"])
    reference = f"a plain PyTorch loop, {samples / median['plain']:,.0f} samples/s"
    details = {"samples/s": samples / median["watched"], "without monitoring, ×": median_ratio(taken["plain"], taken["bare"])}
    yield Figure(f"{name}: samples/s", ratio, "×", 1.0, at_least=True, reference=reference, ratio=ratio, details=details)


def seconds(epoch: Epoch, device: torch.device) -> float:
    begin = time.perf_counter()
    epoch()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def without_monitor(config: Config) -> Config:
    return config.model_copy(update={"monitor": config.monitor.model_copy(update={"enabled": False})})


@contextmanager
def session(config: Config) -> Iterator[Session]:
    """A run as the worker makes it, its streams and its system sampler included."""
    with a_place() as place:
        run = new_run(place.runs, dump_config(config), {})
        writer = StreamWriter(run)
        made = prepare(run, writer, Progress(Status(), writer), Steering(Inbox(run), writer, Signals()), resume=False)
        made.begin()
        yield made
        made.close(at_once=True)
        writer.close()
