"""Shuffled batches from tensors that already lie on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from gradtop.trainer.data.nested import ModelInputs, count_samples, first_tensor, map_tensors, split_rows, tensors_in

# Several batches are gathered by one index_select while they fit into a core's cache; slices of it are free.
_GATHER_BYTES = 1 << 20
_FLOAT_BYTES = 4

Prepare = Callable[[Tensor], Tensor]
Draw = Callable[[int, int], Tensor]  # the sample indices of an epoch, by seed and epoch


def generator_of(seed: int, epoch: int) -> torch.Generator:
    """A generator of its own per epoch: what epoch 7 draws needs no trace of epochs 0 to 6."""
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) % (1 << 63))


def order_of(samples: int, seed: int, epoch: int) -> Tensor:
    """The sample indices of `epoch` (counted from 0) in training order, on the CPU."""
    return torch.randperm(samples, generator=generator_of(seed, epoch))


def drawn_order(draw: Draw | None, samples: int, seed: int, epoch: int) -> Tensor:
    """As `order_of`, or what is drawn in place of each sample once."""
    return order_of(samples, seed, epoch) if draw is None else draw(seed, epoch)


def batch_count(samples: int, batch_size: int) -> int:
    """Batches of an epoch, as `split_batches` makes them."""
    whole, rest = divmod(samples, batch_size)
    return whole + (rest > 1 or (rest == 1 and whole == 0))


def split_batches(values: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Batches of values, the last of which may be smaller; a single one that is left over joins the batch before.

    Batch normalisation cannot take a batch of one, and to leave it out would lose a sample in every epoch.
    """
    whole, rest = divmod(len(values), batch_size)
    if rest != 1 or not whole:
        return torch.split(values, batch_size)
    return torch.split(values, [batch_size] * (whole - 1) + [batch_size + 1])


def gather(inputs: ModelInputs, rows: Tensor) -> ModelInputs:
    """Some samples."""
    return map_tensors(lambda tensor: tensor.index_select(0, rows), inputs)


class Batches:
    """The training batches of every epoch; seed, epoch and position alone decide what a batch holds.

    `prepare` makes images as they are stored ready for the model; it must treat each image alone, as it is called with
    several batches at once.
    """

    def __init__(
        self, images: ModelInputs, labels: Tensor, batch_size: int, *, seed: int, prepare: Prepare | None = None
    ) -> None:
        self.images = images
        self.labels = labels
        self.batch_size = batch_size
        self.prepare = prepare
        self.draw: Draw | None = None
        self._seed = seed
        samples = count_samples(images)
        self.per_epoch = batch_count(samples, batch_size)
        bytes_per_sample = max(sum([(_FLOAT_BYTES if prepare else each.element_size()) * each[0].numel() for each in tensors_in(images)]), 1) if samples else 1
        self._gathered = max(_GATHER_BYTES // (bytes_per_sample * batch_size), 1) * batch_size

    def order(self, epoch: int) -> Tensor:
        """The sample indices of `epoch` (counted from 0) in training order, on the CPU."""
        return drawn_order(self.draw, count_samples(self.images), self._seed, epoch)

    def epoch(self, epoch: int, *, skip: int = 0) -> Iterator[tuple[ModelInputs, Tensor]]:
        """Images and labels of `epoch`, from batch number `skip` on."""
        order = self.order(epoch)[skip * self.batch_size :].to(first_tensor(self.images).device)
        for part in split_batches(order, self._gathered):
            images = gather(self.images, part)
            labels = self.labels.index_select(0, part)
            if self.prepare is not None and isinstance(images, Tensor):
                images = self.prepare(images)
            yield from zip(split_rows(images, partial(split_batches, batch_size=self.batch_size)), split_batches(labels, self.batch_size), strict=True)

    def of_step(self, step: int) -> tuple[ModelInputs, Tensor]:
        """The batch that optimizer step `step` (counted from 1) trains on."""
        epoch, position = divmod(step - 1, self.per_epoch)
        return next(self.epoch(epoch, skip=position))
