"""Which rows are set apart for validation, where the data do not say."""

from __future__ import annotations

import torch
from torch import Tensor

from gradtop.trainer.data.batches import generator_of
from gradtop.trainer.runtime.errors import UserError


def set_rows_apart(rows: Tensor, labels: Tensor | None, share: float, seed: int, key: str) -> tuple[Tensor, Tensor]:
    """Rows for training and for validation, in ascending order; of each class the same share, where `labels` has the class of every row.

    Raises UserError with the `key` of the data where there are too few.
    """
    drawn = rows[torch.randperm(len(rows), generator=generator_of(seed, 0))]
    if labels is not None:
        parts = [drawn[labels[drawn] == number] for number in range(int(labels.max()) + 1 if len(labels) else 0)]
        # One of each class at least is trained on.
        counts = [min(max(round(len(part) * share), min(1, len(part) - 1)), max(len(part) - 1, 0)) for part in parts]
        validation = torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)] or [drawn])
        training = torch.cat([part[count:] for part, count in zip(parts, counts, strict=True)] or [drawn])
    else:
        count = max(round(len(rows) * share), 1)
        validation, training = drawn[:count], drawn[count:]
    if not len(training) or not len(validation):
        raise UserError(f"{key}: {len(rows)} rows are too few for training and validation; at least two are expected, of some class")
    return training.sort().values, validation.sort().values


def spread_apart(labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Which samples are kept and which `count` are set apart, as masks: evenly spread over the classes, the same for every seed."""
    by_class = labels.argsort(stable=True)
    apart = torch.zeros(len(labels), dtype=torch.bool)
    apart[by_class[(torch.arange(count) + 0.5).mul(len(labels) / max(count, 1)).long()]] = True
    return ~apart, apart
