"""The training that a configuration names, as an expert writes it without gradtop: the reference for its speed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from gradtop.trainer.config import AdamW, Config, CosineSchedule, Sgd, StepSchedule
from gradtop.trainer.data.dataset import Dataset, Source
from gradtop.trainer.data.kinds.custom.items import Items
from gradtop.trainer.data.kinds.custom.loader import CustomSource
from gradtop.trainer.data.kinds.text.loader import TextSource
from gradtop.trainer.data.load import load_data
from gradtop.trainer.models.build import build_model
from gradtop.trainer.optim.schedules import WarmUp

Epoch = Callable[[], None]
Batch = tuple[Tensor, Tensor]


def plain(config: Config, device: torch.device) -> Epoch:
    """An epoch of `plain_model`."""
    return plain_model(config, device)[0]


def plain_model(config: Config, device: torch.device) -> tuple[Epoch, nn.Module, Source]:
    """An epoch of the training, its model and its data. Data on the device, fused optimizer, nothing measured, nothing read back."""
    training = config.training
    torch.manual_seed(training.seed)
    source = load_data(config.data, seed=training.seed, context=config.model.window)
    epochs, per_epoch = reader(source, training.batch_size, device)
    model = build_model(config.model, source.info).to(device)
    if training.compile:
        model.compile()
    optimizer = expert_optimizer(config, model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor(config, training.epochs * per_epoch, per_epoch))
    half = torch.autocast(device.type, torch.bfloat16) if training.precision == "bf16" else contextlib.nullcontext()

    def epoch() -> None:
        model.train()
        for inputs, wanted in epochs():
            step(inputs, wanted)

    def step(inputs: Tensor, wanted: Tensor) -> None:
        with half:
            outputs = model(inputs)
            loss = functional.cross_entropy(outputs.flatten(0, -2), wanted.flatten(), label_smoothing=training.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if training.clip:
            nn.utils.clip_grad_norm_(model.parameters(), training.clip)
        optimizer.step()
        schedule.step()

    return epoch, model, source


def reader(source: Source, size: int, device: torch.device) -> tuple[Callable[[], Iterator[Batch]], int]:
    """What gives the batches of an epoch, in a new order each time, and how many there are."""
    if isinstance(source, Dataset):
        images = (source.prepare(source.train_images) if source.prepare is not None else source.train_images).to(device)
        labels = source.train_labels.to(device)

        def pictures() -> Iterator[Batch]:
            for batch in torch.randperm(len(labels), device=device).split(size):
                yield images[batch], labels[batch]

        return pictures, math.ceil(len(labels) / size)
    if isinstance(source, CustomSource):
        assert isinstance(source.train, Items)
        loader: DataLoader[Batch] = DataLoader(source.train._samples, size, shuffle=True)

        def read() -> Iterator[Batch]:
            for inputs, wanted in loader:
                yield inputs.to(device), wanted.to(device)

        return read, len(loader)
    assert isinstance(source, TextSource)
    characters, context = source.training_part.long().to(device), source.context
    windows = (len(characters) - context) // context

    def passages() -> Iterator[Batch]:
        begin = int(torch.randint(context, ()))
        seen = characters[begin : begin + windows * context].view(windows, context)
        following = characters[begin + 1 : begin + 1 + windows * context].view(windows, context)
        for batch in torch.randperm(windows, device=device).split(size):
            yield seen[batch], following[batch]

    return passages, math.ceil(windows / size)


def expert_optimizer(config: Config, model: nn.Module) -> torch.optim.Optimizer:
    chosen = config.optimizer
    assert isinstance(chosen, AdamW | Sgd)
    decays, others = list(model.parameters()), []
    if not chosen.decay_all:
        others = [parameter for parameter in decays if parameter.dim() < 2]
        decays = [parameter for parameter in decays if parameter.dim() >= 2]
    groups = [{"params": decays, "weight_decay": chosen.weight_decay}, {"params": others, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if isinstance(chosen, AdamW):
        return torch.optim.AdamW(groups, lr=chosen.lr, betas=chosen.betas, eps=chosen.eps, fused=True)
    return torch.optim.SGD(groups, lr=chosen.lr, momentum=chosen.momentum, nesterov=chosen.nesterov, fused=True)


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
