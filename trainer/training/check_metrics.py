"""Metrics that are code of the user, computed once before training."""

from __future__ import annotations

from itertools import islice

import torch
from torch import nn

from gradtop.trainer.config import Config
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import one_by_one
from gradtop.trainer.tasks.task import TrainingTask
from gradtop.trainer.training.check import model_left_alone
from gradtop.trainer.training.evaluate import evaluate, evaluation_batch
from gradtop.trainer.training.step import Forward


def check_own_metrics(config: Config, model: nn.Module, source: Source, task: TrainingTask, device: torch.device) -> None:
    """Of the outputs for the first batch of the validation set. Where one fails there it is computed of the whole set, as only that may have what it
    requires, such as samples of each class. The model is left as it was. Raises UserError.
    """
    if not task.added.custom:
        return
    forward = Forward(device, config.training)
    for most in (1, None):
        batches = islice(source.validation(evaluation_batch(config, source.info), device), most)
        with model_left_alone(model, device, training=False):
            score = evaluate(model, lambda inputs: forward(model, inputs), one_by_one("computing training.metrics of the validation set", batches), task, measure=forward.measure)
        if not score.faults:
            return
    raise UserError("; ".join(dict.fromkeys(score.faults.values())))
