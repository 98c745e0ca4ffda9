"""Runs without dropout, and the gradients of their steps."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from gradtop.trainer.record import Run, new_run
from tests.training.runs import TINY

SGD = '[optimizer]\nkind = "sgd"\nlr = 0.05\n[schedule]\nkind = "constant"'
CNN = 'kind = "cnn"\nchannels = [4, 6]'


def run_of(folder: Path, *parts: str, model: str = 'kind = "mlp"\nhidden = [8]', batch_size: int = 8, epochs: int = 2) -> Run:
    """A tiny run without dropout, of another model or batch size."""
    text = TINY.format(epochs=epochs).replace("dropout = 0.25", "dropout = 0.0").replace('kind = "mlp"\nhidden = [8]', model)
    return new_run(folder, "\n".join([text.replace("batch_size = 8", f"batch_size = {batch_size}"), *parts]), {})


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
