"""Shuffled batches from tensors that already lie on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

# Several batches are gathered by one index_select while they fit into a core's cache; slices of it are free.
_GATHER_BYTES = 1 << 20
_FLOAT_BYTES = 4

Prepare = Callable[[Tensor], Tensor]


class Batches:
    """The training batches of every epoch; seed, epoch and position alone decide what a batch holds.

    The last, smaller batch of an epoch is kept, except one of a single sample, which batch normalisation cannot take.
    `prepare` makes images as they are stored ready for the model; it must treat each image alone, as it is called with
    several batches at once.
    """

    def __init__(
        self, images: Tensor, labels: Tensor, batch_size: int, *, seed: int, prepare: Prepare | None = None
    ) -> None:
        self.images = images
        self.labels = labels
        self.batch_size = batch_size
        self.prepare = prepare
        self._seed = seed
        samples = len(images)
        whole, rest = divmod(samples, batch_size)
        self.per_epoch = whole + (rest > 1 or (rest == 1 and whole == 0))
        self._used = min(samples, self.per_epoch * batch_size)
        bytes_per_value = _FLOAT_BYTES if prepare else images.element_size()
        bytes_per_sample = max(bytes_per_value * images[0].numel(), 1) if samples else 1
        self._gathered = max(_GATHER_BYTES // (bytes_per_sample * batch_size), 1) * batch_size

    def order(self, epoch: int) -> Tensor:
        """The sample indices of `epoch` (counted from 0) in training order, on the CPU."""
        # A seed of its own per epoch: the permutation of epoch 7 needs no trace of epochs 0 to 6.
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) % (1 << 63))
        return torch.randperm(len(self.images), generator=generator)[: self._used]

    def epoch(self, epoch: int, *, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels of `epoch`, from batch number `skip` on."""
        order = self.order(epoch)[skip * self.batch_size :].to(self.images.device)
        for part in torch.split(order, self._gathered):
            images = self.images.index_select(0, part)
            labels = self.labels.index_select(0, part)
            if self.prepare is not None:
                images = self.prepare(images)
            yield from zip(torch.split(images, self.batch_size), torch.split(labels, self.batch_size), strict=True)

    def of_step(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch that optimizer step `step` (counted from 1) trains on."""
        epoch, position = divmod(step - 1, self.per_epoch)
        return next(self.epoch(epoch, skip=position))
