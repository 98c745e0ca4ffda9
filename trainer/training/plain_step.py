"""An optimizer step without measurements, schedule and records, as the jobs take that only try a training out."""

from __future__ import annotations

import math

from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

from gradtop.trainer.config import TrainingConfig
from gradtop.trainer.monitor.tensor_norms import as_real, total_norm
from gradtop.trainer.training.build import TrainingParts


def update(parts: TrainingParts, training: TrainingConfig) -> bool:
    """Clip the gradients as in training and change the weights; returns whether the gradient scaler skipped the step."""
    compute = parts.compute
    compute.unscale()
    skipped = any(flag.item() > 0 for flag in compute.overflows)
    parameters = [parameter for parameter in parts.model.parameters() if parameter.requires_grad]
    if training.clip:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = get_total_norm(gradients)
        if not math.isfinite(norm.item()):
            # Finite gradients may have squares that are not; clipping by an infinite norm makes zeros of all.
            norm = total_norm([as_real(gradient) for gradient in gradients])
        clip_grads_with_norm_(parameters, training.clip, norm)
    elif training.clip_value:
        clip_grad_value_(parameters, training.clip_value)
    compute.update()
    return skipped
