"""What the torch server does before the first fork, so that no forked process has to: imports, and a first use of what is slow then."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import pkgutil
import traceback
from pathlib import Path

# A forked process takes along the thread that forks and no other, and a GPU's driver not at all. So here nothing computes
# with more than one thread, and nothing runs backward: the autograd engine asks each kind of device how many there are.
CONFIG = """
[model]
kind = "cnn"
channels = [8, 8]
dropout = 0.1

[data]
kind = "fake"
samples = 96
image_size = 8
channels = 1

[augment]
crop = 1
rotation = 5
erasing = 0.1
mixup = 0.1

[optimizer]
kind = "adamw"

[schedule]
kind = "cosine"
warmup_steps = 1

[training]
epochs = 1
batch_size = 32
clip = 1.0
device = "cpu"
"""
GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dri")
# Imported by torch, Python and ours when they are first used.
LATER = ("encodings.ascii", "encodings.idna", "importlib.readers", "torch.utils.serialization", "PIL.Image", "safetensors.torch", "pynvml", "tomllib")


def preload() -> None:
    """Import, warm up, and have what is there so far left alone by the garbage collector, whose marks would copy its pages."""
    # Read once, when numpy's OpenBLAS is loaded, which else starts its threads there and then.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    gc.disable()
    import_all()
    try:
        warm_up()
    except Exception:  # noqa: BLE001 - what is wrong with this torch is reported by the job that fails of it
        traceback.print_exc()
    gc.collect()
    gc.freeze()
    gc.enable()


def import_all() -> None:
    import gradtop.trainer

    importlib.import_module("torch")
    # A torchvision that does not fit this torch must not keep away the runs that need none.
    with contextlib.suppress(Exception):
        importlib.import_module("torchvision")
    for module in pkgutil.walk_packages(gradtop.trainer.__path__, "gradtop.trainer."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    for name in LATER:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def warm_up() -> None:
    """Build a small training and compute forward, the update and a checkpoint, with one thread."""
    import torch

    from gradtop.trainer.checkpoint.generators import random_states, restore_random_states
    from gradtop.trainer.config.schema import build_all
    from gradtop.trainer.models.description import describe
    from gradtop.trainer.optim.lr_preview import planned_lr
    from gradtop.trainer.optim.optimizer import try_kernels
    from gradtop.trainer.training.build import seed_generators

    torch.set_num_threads(1)
    build_all()
    # The first look at all that is random takes torch milliseconds; a forked process seeds its own.
    seed_generators(0)
    restore_random_states(random_states())
    try_kernels(torch.device("cpu"), torch.float32)
    training = SmallTraining()
    planned_lr(training.config.schedule, training.config.optimizer, total_steps=3, steps_per_epoch=3)
    describe(training.model)
    with torch.no_grad():
        training.compute.loss(*training.batch)
        for parameter in training.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
    training.update()
    torch.save({"model": training.model.state_dict(), "optimizer": training.optimizer.state_dict()}, io.BytesIO())


def first_step() -> None:
    """Compute a step, with all threads: they are started by the first operation, and memory is taken. Only for a process that forks no more."""
    training = SmallTraining()
    loss = training.compute.loss(*training.batch)
    # Where there are GPUs, going backward would take memory of theirs for a process that may never need it.
    if not any(Path(device).exists() for device in GPUS):
        loss.backward()
        training.update()


class SmallTraining:
    """What a step needs, of the configuration above."""

    def __init__(self) -> None:
        import torch

        from gradtop.trainer.config import parse_config
        from gradtop.trainer.data.augment import augmentation
        from gradtop.trainer.data.load import load_data
        from gradtop.trainer.models.build import build_model
        from gradtop.trainer.models.initialise import initialise
        from gradtop.trainer.optim.optimizer import build_optimizer
        from gradtop.trainer.training.step import Compute

        self.config, device = parse_config(CONFIG), torch.device("cpu")
        source = load_data(self.config.data, seed=0, context=0)
        self.model = build_model(self.config.model, source.info)
        initialise(self.config.init, self.model)
        self.optimizer = build_optimizer(self.config.optimizer, self.model, device)
        self.compute = Compute(self.model, self.optimizer, device, self.config.training, self.config.task.build(source, {}))
        batch = next(iter(source.training(self.config.training.batch_size, seed=0, device=device).epoch(0)))
        augment = augmentation(self.config.augment, source, seed=0, ignored=self.config.task.wanted.ignored)
        self.batch = augment(*batch, 0) if augment is not None else batch

    def update(self) -> None:
        """Clip the gradients, measure them and take the step."""
        import torch

        parameters = list(self.model.parameters())
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        torch.nn.utils.clip_grads_with_norm_(parameters, 1.0, torch.nn.utils.get_total_norm(gradients))
        torch._foreach_norm(gradients)  # noqa: SLF001 - what the monitor measures with
        self.optimizer.step()
