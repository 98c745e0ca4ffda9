"""Commented configurations to start from, written from the declarations, so that every key in them exists."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tomli_w

from gradtop.trainer.config.schema import sections
from gradtop.trainer.fields.spec import FieldSpec, SectionSpec

WRITTEN = ("model", "data", "augment", "optimizer", "schedule", "training")  # the sections that are always written out
WIDTH = 100
OPENED = "#"  # before a key that has its default

MODEL_CODE = '''\
"""A model of your own: gradtop calls `build` and trains what it returns."""

from torch import nn


def build(channels: int, size: int, classes: int, width: int = 32) -> nn.Module:
    """Channels, size and classes come from the data (leave out what you do not need), the others from model.arguments.

    The model takes (samples, channels, size, size) and returns (samples, classes), before the softmax.
    """
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(width * 4 * 4, classes),
    )
'''
DATA_CODE = '''\
"""Data of your own: gradtop calls `load` and trains on what it returns."""

import torch
from torch.utils.data import Dataset, TensorDataset


def load(samples: int = 1000, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The arguments come from data.arguments. Returns the data sets for training and for validation.

    A sample is an input and a label: an image (channels, size, size), float32 or uint8, and the number of its class.
    Here: is the upper half brighter than the lower one? Replace it by your own; any torch Dataset will do.
    """
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(samples, 1, 16, 16, generator=generator)
    labels = (images[:, 0, :8].mean((1, 2)) > images[:, 0, 8:].mean((1, 2))).long()
    cut = samples * 9 // 10
    return TensorDataset(images[:cut], labels[:cut]), TensorDataset(images[cut:], labels[cut:])
'''
TASK_CODE = '''\
"""A task of your own: gradtop trains on the loss that `loss` returns, and charts the other numbers."""

from torch import Tensor, nn
from torch.nn import functional


def loss(model: nn.Module, batch: tuple[Tensor, Tensor], margin: float = 0.5) -> dict[str, Tensor]:
    """Called with each batch, in evaluations without gradients; the other arguments come from task.arguments.

    A batch is what the samples are, stacked: here (images, labels). The loss is a mean over its samples. Of a validation set the
    means of all numbers are recorded, and training.monitor names one of them.
    """
    images, labels = batch
    outputs = model(images)
    right = outputs.argmax(1) == labels
    return {
        "loss": functional.multi_margin_loss(outputs, labels, margin=margin),
        "accuracy": right.float().mean(),
        "confidence": functional.softmax(outputs, 1).amax(1).mean(),
    }
'''


@dataclass(frozen=True)
class StarterConfig:
    """`values` are written as they stand, by section and key; `module` is the name of a Python module that comes with it, and `code` its text."""

    about: str
    values: Mapping[str, Mapping[str, Any]]
    remarks: tuple[str, ...] = ()
    module: str = ""
    code: str = field(default="", repr=False)

    @property
    def written(self) -> tuple[str, ...]:
        """The sections that are written out, in the order of their declaration."""
        return tuple(part.name for part in sections() if part.name in WRITTEN or part.name in self.values)


USUAL: Mapping[str, Mapping[str, Any]] = {
    "optimizer": {"kind": "adamw", "lr": 1e-3},
    "schedule": {"kind": "cosine", "warmup_epochs": 1},
    "training": {"epochs": 10, "batch_size": 64, "seed": 0},
}
STARTERS: Mapping[str, StarterConfig] = {
    "digits": StarterConfig(
        "a convolutional network on the handwritten digits that come with gradtop",
        {"model": {"kind": "cnn", "channels": [32, 64]}, "data": {"kind": "digits"}, **USUAL},
    ),
    "image-folder": StarterConfig(
        "a convolutional network on a folder of images",
        {"model": {"kind": "cnn", "channels": [32, 64, 128]}, "data": {"kind": "image_folder", "root": "images", "image_size": 64}, "augment": {"flip": 0.5}, **USUAL},
        ("data.root has one folder of images for each class, or the folders train and val with such folders.",),
    ),
    "table": StarterConfig(
        "a network on the rows of a CSV or Parquet file",
        {
            "model": {"kind": "mlp", "hidden": [64, 32]},
            "data": {"kind": "table", "file": "table.csv", "target": ["target"]},
            **USUAL,
            "training": {"epochs": 30, "batch_size": 64, "seed": 0},
        },
        ("data.target is the column to predict: words and few integers are classes, other numbers values. Requires pip install 'gradtop[table]'.",),
    ),
    "text": StarterConfig(
        "a language model of characters on a text",
        {
            "model": {"kind": "language_model"},
            "data": {"kind": "text", "file": ""},
            **USUAL,
            "training": {"epochs": 5, "batch_size": 32, "clip": 1.0, "seed": 0},
        },
        ("Without data.file it trains on the book that comes with gradtop. data.tokenizer = bpe has it see tokens in place of characters.",),
    ),
    "model": StarterConfig(
        "a model of your own on the handwritten digits",
        {"model": {"kind": "custom", "target": "my_model:build", "arguments": {"width": 32}}, "data": {"kind": "digits"}, **USUAL},
        ("The module my_model is looked for in the directory from which gradtop is started.",),
        "my_model",
        MODEL_CODE,
    ),
    "data": StarterConfig(
        "a convolutional network on data of your own",
        {"model": {"kind": "cnn", "channels": [16, 32]}, "data": {"kind": "custom", "target": "my_data:load", "arguments": {"samples": 1000}}, **USUAL},
        ("The module my_data is looked for in the directory from which gradtop is started.",),
        "my_data",
        DATA_CODE,
    ),
    "task": StarterConfig(
        "a loss of your own on the handwritten digits",
        {
            "model": {"kind": "cnn", "channels": [16, 32]},
            "data": {"kind": "digits"},
            "task": {"kind": "custom", "target": "my_task:loss", "arguments": {"margin": 0.5}},
            **USUAL,
            "training": {**USUAL["training"], "monitor": "accuracy"},
        },
        ("The module my_task is looked for in the directory from which gradtop is started.",),
        "my_task",
        TASK_CODE,
    ),
}


def starter_text(starter: StarterConfig, file: str) -> str:
    """The configuration as TOML, with what each key is; keys that have their default stand there after a #."""
    title = f"{starter.about[0].upper()}{starter.about[1:]}."
    lines = [*(f"# {line}" for line in textwrap.wrap(" ".join((title, *starter.remarks)), WIDTH - 2))]
    lines += ["#", f"#   gradtop check {file}", f"#   gradtop train {file} --watch", "#"]
    lines += ["# A key after a # has its default. `gradtop help fields` lists every key."]
    others = [part.name for part in sections() if part.name not in starter.written]
    for part in sections():
        if part.name in starter.written:
            lines += ["", *_section(part, starter.values.get(part.name, {}))]
    lines += ["", f"# Further sections, all of which have defaults: {', '.join(f'[{name}]' for name in others)}."]
    return "\n".join(lines) + "\n"


def _section(part: SectionSpec, values: Mapping[str, Any]) -> Iterator[str]:
    kind = values.get("kind", part.default_kind)
    yield f"[{part.name}]"
    for spec in part.of(kind):
        if spec.name == "kind":
            yield from _comment(f"{' | '.join(part.kinds)}")
        else:
            yield from _comment(_about(spec))
        yield _line(spec, values)


def _line(spec: FieldSpec, values: Mapping[str, Any]) -> str:
    if spec.name in values:
        return _toml(spec.name, values[spec.name])
    default = spec.default
    if spec.per_layer and isinstance(default, list | tuple) and len(default) == 1:
        default = default[0]  # one for all layers, however many there are
    return f"{OPENED}{_toml(spec.name, default)}"


def _toml(name: str, value: Any) -> str:
    """In one line: an inline table where the value is one."""
    if isinstance(value, Mapping):
        inside = ", ".join(_toml(key, each) for key, each in value.items())
        return f"{name} = {{{inside}}}"
    if isinstance(value, list | tuple):
        return f"{name} = [{', '.join(_toml('x', each)[4:] for each in value)}]"
    return tomli_w.dumps({name: value}).rstrip("\n")


def _about(spec: FieldSpec) -> str:
    limits = ", ".join(filter(None, (spec.unit, spec.bounds or " | ".join(spec.choices))))
    return f"{spec.help}{f' ({limits})' if limits else ''}"


def _comment(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")
