"""What jobs share that only try a training out, each trial in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import torch

from gradtop.trainer.config import TrainingConfig
from gradtop.trainer.runtime.device import explain_out_of_memory, out_of_memory
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.build import TrainingParts
from gradtop.trainer.training.step import Batch, explain_step_error


class Notes:
    """What is noticed while the parts are built, for the job to record: [kind, fields] each."""

    def __init__(self) -> None:
        self.found: list[tuple[str, dict[str, object]]] = []

    def event(self, kind: str, /, **fields: object) -> None:
        self.found.append((str(kind), fields))


def whole_batches(parts: TrainingParts) -> Iterator[Batch]:
    """One after the other, over as many epochs as it takes, without a smaller one at the end of each. Raises UserError where there is none."""
    size, epoch, found = parts.batches.batch_size, 0, True
    while found:
        found = False
        for batch in parts.batches.epoch(epoch, skip=0):
            if len(batch[1]) >= size:
                found = True
                yield batch
        epoch += 1
    raise UserError(f"the training data give no batch of {size} samples")


def batch_groups(parts: TrainingParts, accumulate: int) -> Iterator[Sequence[Batch]]:
    """The batches of one optimizer step after the other, over as many epochs as it takes."""
    epoch = 0
    while True:
        batches = parts.batches.epoch(epoch, skip=0)
        while group := tuple(islice(batches, accumulate)):
            yield group
        epoch += 1


@contextmanager
def with_a_sentence(training: TrainingConfig) -> Iterator[None]:
    """What goes wrong in a trial becomes a UserError where there is a sentence for it."""
    try:
        yield
    except Exception as error:
        if out_of_memory(error):
            raise UserError(explain_out_of_memory(training.device, training.batch_size)) from error
        if not isinstance(error, UserError) and (sentence := explain_step_error(error)):
            raise UserError(sentence) from error
        raise


def wait_for(device: torch.device) -> None:
    """Until what was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
