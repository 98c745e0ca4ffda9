"""Batch norms whose running statistics are still what they began as, after training steps that should have moved them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

NAMED = 3  # layers that an event names


def stale_statistics(model: nn.Module) -> Mapping[str, object] | None:
    """Fields of an event on the batch norms that have trained with a mean of exactly 0 and a variance of exactly 1; None where there are none. Waits for the device.

    One batch moves both, by however small a momentum. Those that no batch has passed are none of these.
    """
    norms = {name: each for name, each in model.named_modules() if isinstance(each, _BatchNorm) and each.running_mean is not None and each.running_var is not None and each.num_batches_tracked is not None}
    if not norms:
        return None
    looks = [torch.stack([(each.running_mean == 0).all() & (each.running_var == 1).all(), each.num_batches_tracked > 0]) for each in norms.values()]  # type: ignore[list-item, operator, union-attr]
    found = dict(zip(norms, torch.stack([each.to(looks[0].device) for each in looks]).tolist(), strict=True))
    unmoved = [name for name, (stale, counted) in found.items() if stale and counted and norms[name].momentum == 0]
    if unmoved:
        return {"layers": unmoved[:NAMED], "count": len(unmoved), "evaluating": False}
    # What has a gradient has run in the last step, and what has counted no batch did so in evaluation mode.
    evaluating = [name for name, (stale, counted) in found.items() if stale and not counted and norms[name].weight is not None and norms[name].weight.grad is not None]
    return {"layers": evaluating[:NAMED], "count": len(evaluating), "evaluating": True} if evaluating else None
