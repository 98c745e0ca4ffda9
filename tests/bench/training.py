"""What monitoring costs a training step, and how fast training is beside a plain loop; both examples of the digits."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.bench.figure import Figure, in_turns, median_ratio
from tests.bench.place import a_place
from trainer import data, models
from trainer.config import AdamW, Config, CosineSchedule, Sgd, StepSchedule, dump_config, load_config
from trainer.config.schedule import WarmUp
from trainer.loop import train_epoch
from trainer.progress import Progress
from trainer.record import Inbox, Status, StreamWriter, new_run
from trainer.session import Session
from trainer.setup import prepare
from trainer.signals import Signals
from trainer.steering import Steering

CONFIGS = Path(__file__).parents[2] / "configs"
EXAMPLES = {"MLP": "digits_mlp.toml", "CNN": "digits.toml"}
WARM_UP = 6  # epochs
EPOCHS = {"MLP": 60, "CNN": 15}
Epoch = Callable[[], None]


def measure() -> Iterator[Figure]:
    for name, file in EXAMPLES.items():
        config = load_config(CONFIGS / file, ["training.device=cpu", "training.epochs=1000"])
        with session(config) as watched, session(without_monitor(config)) as bare:
            ways: dict[str, Epoch] = {"watched": partial(ours, watched), "bare": partial(ours, bare), "plain": plain(config)}
            timed = {way: partial(seconds, epoch) for way, epoch in ways.items()}
            in_turns(timed, WARM_UP)
            taken = in_turns(timed, EPOCHS[name])
            steps = watched.batches.per_epoch
        median = {way: 1e6 * statistics.median(times) / steps for way, times in taken.items()}
        ratio = median_ratio(taken["watched"], taken["bare"])
        reference = f"without, {median['bare']:.0f} µs a step"
        yield Figure(f"{name} on digits: step with monitoring", ratio, "×", 1.01, reference=reference, ratio=ratio)
        ratio = median_ratio(taken["plain"], taken["watched"])
        reference = f"a plain PyTorch loop, {median['plain']:.0f} µs a step"
        details = {"µs a step": median["watched"], "without monitoring": median_ratio(taken["plain"], taken["bare"])}
        yield Figure(f"{name} on digits: samples/s", ratio, "×", 1.0, at_least=True, reference=reference, ratio=ratio, details=details)


def seconds(epoch: Epoch) -> float:
    begin = time.perf_counter()
    epoch()
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


def ours(session: Session) -> None:
    train_epoch(session)


def plain(config: Config) -> Epoch:
    """The same training as an expert writes it: data in memory, fused optimizer, nothing measured."""
    torch.manual_seed(config.training.seed)
    dataset = data.load(config.data, seed=config.training.seed)
    assert isinstance(dataset, data.Dataset)
    images = dataset.prepare(dataset.train_images) if dataset.prepare is not None else dataset.train_images
    labels = dataset.train_labels
    model = models.build(config.model, dataset.info)
    size, clip = config.training.batch_size, config.training.clip
    per_epoch = math.ceil(len(labels) / size)
    optimizer = expert_optimizer(config, model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor(config, config.training.epochs * per_epoch, per_epoch))

    def epoch() -> None:
        model.train()
        for batch in torch.randperm(len(labels)).split(size):
            step(images[batch], labels[batch])

    def step(some: Tensor, wanted: Tensor) -> None:
        loss = functional.cross_entropy(model(some), wanted, label_smoothing=config.training.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        schedule.step()

    return epoch


def expert_optimizer(config: Config, model: nn.Module) -> torch.optim.Optimizer:
    chosen = config.optimizer
    if isinstance(chosen, AdamW):
        return torch.optim.AdamW(
            model.parameters(), lr=chosen.lr, betas=chosen.betas, eps=chosen.eps, weight_decay=chosen.weight_decay, fused=True
        )
    assert isinstance(chosen, Sgd)
    return torch.optim.SGD(
        model.parameters(), lr=chosen.lr, momentum=chosen.momentum, nesterov=chosen.nesterov, weight_decay=chosen.weight_decay, fused=True
    )


def factor(config: Config, steps: int, per_epoch: int) -> Callable[[int], float]:
    """Warm-up, and then the schedule, as one function of the step."""
    schedule, lr = config.schedule, config.optimizer.lr
    assert isinstance(schedule, WarmUp)

    def of(step: int) -> float:
        if step < schedule.warmup_steps:
            return schedule.warmup_start + (1 - schedule.warmup_start) * step / schedule.warmup_steps
        if isinstance(schedule, CosineSchedule):
            low = schedule.min_lr / lr
            return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * (step - schedule.warmup_steps) / (steps - schedule.warmup_steps)))
        if isinstance(schedule, StepSchedule):
            return float(schedule.gamma ** (step // (schedule.step_size * per_epoch)))
        return 1.0

    return of
