"""What must hold of a run, however hostile its configuration was."""

from __future__ import annotations

import math
import re

import torch

from gradtop.trainer.config import Config, load_config
from gradtop.trainer.config.schema import all_keys
from gradtop.trainer.data.load import load_data
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import describe
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.record import Run, Status, read_status
from gradtop.trainer.runtime.worker import work
from tests.training.runs import rows

# What a sentence has that helps: a key, or what to do.
KEY = re.compile("|".join(map(re.escape, all_keys())))
ADVICE = re.compile(r"\b(try|choose|make|use|put|set|give|fill|take|delete|convert|is expected|are expected)\b", re.IGNORECASE)


def outcome(run: Run) -> Status:
    """Trained in this process, with what a worker sets for its process put back."""
    try:
        code = work(run)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_float32_matmul_precision("highest")
    status = read_status(run)
    assert code == (0 if status.state == "done" else 1)
    return status


def fault(config: Config, run: Run, status: Status) -> str:
    """What is wrong with how a run ended; "" where nothing is."""
    if not (status.state == "done" and status.step) and status.state != "failed":
        return f"ended as {status.state}"
    if load_config(run.config) != config:
        return "run.toml says something else than what was configured"
    if status.warning:
        return f"warned: {status.warning}"
    first = rows(run, "steps", "lr")[:1] if status.step else []
    if first and not math.isclose(first[0][1], planned(config, status), rel_tol=1e-6, abs_tol=1e-300):
        return f"the first step took a learning rate of {first[0][1]:g}, and {planned(config, status):g} was planned"
    if status.state == "failed":
        own = any(getattr(table, "kind", "") == "custom" for table in (config.model, config.data))
        if "traceback" in status.error and not (own and re.search(r"\b(model|data)\.target: |model\.kind = custom", status.error)):
            return f"a traceback: {status.error}"
        if "\n" in status.error or not status.error.isprintable():
            return f"no single line: {status.error!r}"
        if not KEY.search(status.error) and not ADVICE.search(status.error):
            return f"no help: {status.error}"
        return ""
    if not config.training.early_stopping and status.step != (config.training.steps or status.steps):
        return f"{status.step} of {status.steps} steps"
    if not rows(run, "evals", "loss") or not any(run.checkpoints.glob("*.pt")):
        return "no evaluation or no checkpoint"
    if status.val_loss is None or status.val_accuracy is None or not 0 <= status.val_accuracy <= 1:
        return f"val_loss {status.val_loss}, accuracy {status.val_accuracy}"
    if status.model != config.model.kind or status.parameters != parameters(config):
        return f"{status.model} with {status.parameters} parameters, {parameters(config)} expected"
    return ""


def planned(config: Config, status: Status) -> float:
    per_epoch = -(-status.steps // status.epochs) if status.epochs else 1
    return planned_lr(config.schedule, config.optimizer, total_steps=status.steps, steps_per_epoch=per_epoch)[0][1]


def parameters(config: Config) -> int:
    info = load_data(config.data, seed=config.training.seed, context=config.model.window).info
    return describe(build_model(config.model, info)).total
