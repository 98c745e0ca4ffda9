"""Configurations of small language models."""

from __future__ import annotations

import json
from pathlib import Path

LANGUAGE_MODEL = """
[model]
kind = "language_model"
context = 16
hidden_size = 8
num_heads = 1
num_layers = 1
dropout = 0.2

[data]
kind = "text"
file = {file}
{data}

[training]
epochs = {epochs}
batch_size = 8
device = "cpu"
threads = 1
{training}

[sample]
{sample}
"""


def text_config(file: Path, *, sample: str, data: str = "", epochs: int = 2, training: str = "") -> str:
    return LANGUAGE_MODEL.format(file=json.dumps(str(file)), data=data, epochs=epochs, training=training, sample=sample)
