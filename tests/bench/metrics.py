"""Evaluations that measure five metrics more, beside a loop that sums the loss alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.kinds.fake import Fake
from gradtop.trainer.data.load import load_data
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.kinds.cnn import Cnn
from gradtop.trainer.tasks.build import build_task
from gradtop.trainer.tasks.kinds.classification import ClassificationTask
from gradtop.trainer.training.evaluate import evaluate
from tests.bench.figure import Figure, in_turns, median_ratio

ADDED = ("auroc", "average_precision", "matthews_corrcoef", "calibration_error", "top3_accuracy")
IMAGES, SIDE, TURNS, BATCH = 5_120, 32, 31, 256


def measure(images: int = IMAGES, turns: int = TURNS) -> Iterator[Figure]:
    """Of the default network, on a fifth of so many images: the time of a processor, on one thread, as many turns even out what others do to its caches."""
    torch.set_num_threads(1)
    source = load_data(Fake(samples=images, image_size=SIDE), seed=0, wanted=ClassificationTask().wanted)
    model = build_model(Cnn(), source.info)
    ways: dict[str, Callable[[], float]] = {"loss": partial(loss_alone, model, source), "metrics": partial(with_metrics, model, source)}
    for way in ways.values():
        way()
    taken = in_turns(ways, turns)
    ratio = median_ratio(taken["metrics"], taken["loss"])
    yield Figure(
        f"an evaluation with {len(ADDED)} metrics beside those of its task, {images // 5:,} images", ratio, "×", 1.05, ratio=ratio,
        reference=f"the loss alone, {statistics.median(taken['loss']):.2f} s", details={"s": statistics.median(taken["metrics"])},
    )


def with_metrics(model: nn.Module, source: Source) -> float:
    task = build_task(ClassificationTask(), ADDED, source)
    begin = time.process_time()
    score = evaluate(model, model, source.validation(BATCH, torch.device("cpu")), task)
    seconds = time.process_time() - begin
    if missing := set(ADDED) - set(score.metrics):
        raise RuntimeError(f"not measured: {', '.join(missing)}")
    return seconds


@torch.no_grad()
def loss_alone(model: nn.Module, source: Source) -> float:
    begin = time.process_time()
    model.eval()
    total, samples = torch.zeros(()), 0
    for inputs, targets in source.validation(BATCH, torch.device("cpu")):
        total += functional.cross_entropy(model(inputs), targets, reduction="sum")
        samples += len(targets)
    (total / samples).item()
    return time.process_time() - begin
