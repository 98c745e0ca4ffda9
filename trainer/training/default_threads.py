"""How many threads `training.threads = 0` stands for: one, where a step is less work than sharing it among threads.

A rule and no measurement, so that a configuration that is started twice trains with as many threads both times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from gradtop.trainer.data.nested import ModelInputs, count_samples
from gradtop.trainer.models.calling import call_model
from gradtop.trainer.runtime.threads import default_threads, threads_of_environment
from gradtop.trainer.tasks.kinds.custom.own_task import OwnTask
from gradtop.trainer.tasks.task import TrainingTask
from gradtop.trainer.training.check import model_left_alone

# Floating point operations of a step. Measured on two idle cores, two threads against one: 0.95 x at 0.5 and at 3.3 million (MLPs), 1.02 x at
# 2.3 and 1.09 x at 8 million (CNNs), 1.2 to 1.9 x from 39 million on. In a training, which records and writes beside its steps while threads
# spin, 0.79 x at 3.3 million (1 400 steps/s, 1 755 with one thread) and 1.02 x at 9.6 million (MLPs).
LIGHT = 4e6
BACKWARD = 2  # times the operations of the forward pass, which come on top of these
MULTIPLY_ADD = 2
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
# Their work is that of a few operations for each number that they return.
_CHEAP = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.LayerNorm, nn.GroupNorm, nn.PReLU, nn.Embedding)


def suited_threads(model: nn.Module, batch_size: int, samples: Callable[[], ModelInputs], task: TrainingTask, device: torch.device) -> int:
    """What 0 stands for in this training; the model and all random states are left as they were."""
    usual = default_threads()
    # OMP_NUM_THREADS is somebody's choice. What else a task of the user's computes, nobody can count.
    if device.type != "cpu" or usual == 1 or threads_of_environment() or isinstance(task, OwnTask):
        return usual
    return 1 if step_operations(model, batch_size, samples, device) < LIGHT else usual


def step_operations(model: nn.Module, batch_size: int, samples: Callable[[], ModelInputs], device: torch.device) -> float:
    """Floating point operations of a forward and a backward pass; inf where there are more than LIGHT, or some that nobody can count.

    `samples` gives inputs to try; it is not asked where the number of weights alone says that there are more.
    """
    owners = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    if not owners or not all(isinstance(module, (nn.Linear, *_CONVOLUTIONS, *_CHEAP)) for module in owners):
        return math.inf
    # Each weight is used at least once for each sample.
    used = sum(module.weight.numel() for module in owners if isinstance(module, (nn.Linear, *_CONVOLUTIONS)))
    if used * MULTIPLY_ADD * (1 + BACKWARD) * batch_size >= LIGHT:
        return math.inf
    inputs = samples()
    with torch.no_grad(), model_left_alone(model, device, training=False), _counting(owners) as counts:
        call_model(model, inputs)
    return sum(counts) / count_samples(inputs) * (1 + BACKWARD) * batch_size


@contextmanager
def _counting(modules: list[nn.Module]) -> Iterator[list[float]]:
    """The operations of each call of these modules, while it is open."""
    counts: list[float] = []
    with ExitStack() as hooks:
        for module in modules:
            hooks.callback(module.register_forward_hook(partial(_count, counts)).remove)
        yield counts


def _count(counts: list[float], module: nn.Module, _given: object, returned: object) -> None:
    # What inherits from one of these may return something else.
    counts.append(returned.numel() * _operations_each(module) if isinstance(returned, Tensor) else math.inf)


def _operations_each(module: nn.Module) -> float:
    """For each number that it returns."""
    if isinstance(module, nn.Linear):
        return MULTIPLY_ADD * module.in_features
    if isinstance(module, _CONVOLUTIONS):
        return MULTIPLY_ADD * module.weight[0].numel()
    return 8
