"""Runs of each task."""

from __future__ import annotations

from pathlib import Path

from gradtop.trainer.record import Run, new_run

RUN = """
[model]
{model}

[data]
kind = "custom"
target = "tests.tasks.data:{target}"
arguments = {{ {arguments} }}

[task]
{task}

[optimizer]
lr = 0.03

[training]
epochs = {epochs}
batch_size = 8
device = "cpu"
{training}
"""


def task_run(folder: Path, task: str, target: str, *, arguments: str = "", epochs: int = 2, training: str = "") -> Run:
    model = 'kind = "custom"\ntarget = "tests.tasks.data:pixel_classifier"' if "segmentation" in task else 'kind = "mlp"\nhidden = [8]'
    return new_run(folder, RUN.format(model=model, task=task, target=target, arguments=arguments, epochs=epochs, training=training), {})
