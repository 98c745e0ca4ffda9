"""Norms of gradients, weights and updates, of every parameter, gathered on the device."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import torch
from torch import Tensor, nn

from gradtop.trainer.models.description import describe
from gradtop.trainer.monitor.budget import base_period
from gradtop.trainer.monitor.instruments.instrument import Instrument, Setup, as_measured
from gradtop.trainer.monitor.tensor_norms import NORMED, as_real, choose_norm, scaled_norm
from gradtop.trainer.monitor.transfer import Transfer
from gradtop.trainer.record import Column
from gradtop.trainer.record.streams.open_streams import Row
from gradtop.trainer.record.streams.registry import (
    LAYERS,
    UPDATE_RATIO,
    WEIGHT_NORM,
    Measurement,
    columns_of,
    of_parameter,
)

SLOTS = 256
# Of the budget. Runs in pairs, with and without, show that steps lose as much again to what no clock around the
# measuring sees: caches that were swept, and threads that read leases and write records.
SHARE = 0.27
PLAIN, WITH_UPDATES = 0, 1  # the two kinds of samples, which differ in price
ONE_IN = 4  # samples that nobody looks at has updates, and each of the first ones
ROOM = 4  # copies of the weights that the device must have room for, so that a copy that nobody asked for is no danger
NAN = math.nan
LARGE = 1e17  # a norm whose square is far from overflowing in float32
NO_ROOM = "there is no memory for a copy of the weights"

@dataclass(frozen=True)
class NormSample:
    """The norms at one step; `gradients` and `updates` are of the trainable parameters, called `names`; updates are NaN where not measured."""

    step: int
    time: float
    gradients: tuple[float, ...]
    weights: tuple[float, ...]
    updates: tuple[float, ...]
    names: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """The norm of all gradients together."""
        return as_measured(math.hypot(*self.gradients))

    @property
    def ratios(self) -> tuple[float, ...]:
        """‖Δw‖ / ‖w‖ with the weights after the step."""
        pairs = zip(self.updates, self.weights, strict=False)
        return tuple(update / weight if weight else NAN for update, weight in pairs)


class NormRing:
    """Takes samples into slots on the device; a SampleChunk brings all that were taken to the host at once.

    The trainable parameters come first. A weight that is used twice is one parameter.
    """

    def __init__(self, model: nn.Module, device: torch.device, *, slots: int = SLOTS) -> None:
        named = sorted(model.named_parameters(), key=lambda pair: not pair[1].requires_grad)
        self.names = tuple(name for name, _ in named)
        self.trainable = tuple(name for name, parameter in named if parameter.requires_grad)
        self._parameters = [parameter for _, parameter in named]
        self._learning = self._parameters[: len(self.trainable)]
        self._weights = [as_real(parameter.detach()) for parameter in self._parameters]
        self._complex = any(parameter.is_complex() for parameter in self._learning)
        # What has no arithmetic of its own (float8, integers, bool) is turned into float32 each time, and never trains.
        self._odd = any(weight.dtype not in NORMED for weight in self._weights)
        self._before: list[Tensor] = []
        self._norm, dtype = choose_norm(self._weights)
        self._weight_norm = self._gradient_norm = self._norm
        self._reads = device.type == "cpu"  # whether a number is there without waiting
        self._scaled = scaled_norm(dtype)
        self._zero = torch.zeros((), device=device, dtype=dtype)
        self._ends = (len(self.trainable), len(self.trainable) + len(self.names))
        self._slots = torch.full((slots, self._ends[1] + len(self.trainable)), NAN, device=device, dtype=dtype)
        self._taken: list[tuple[int, float]] = []

    @property
    def full(self) -> bool:
        return len(self._taken) == len(self._slots)

    def before_step(self, step: int, time: float, *, updates: bool) -> None:
        """Measure the gradients, and keep the weights if the update is to be measured."""
        slot = self._slots[len(self._taken)]
        gradients = [parameter.grad for parameter in self._learning if parameter.grad is not None]
        if self._complex:
            gradients = [as_real(gradient) for gradient in gradients]
        norms = self._gradient_norm(gradients)
        if len(gradients) < len(self._learning):
            # What the loss does not depend on has no gradient, which is one of zero.
            left = iter(norms)
            norms = [self._zero if parameter.grad is None else next(left) for parameter in self._learning]
        if norms:
            found = torch.stack(list(norms), out=slot[: self._ends[0]])
            if self._reads and not bool(found.isfinite().all()) and self._gradient_norm is self._norm:
                present = iter(self._scaled(gradients))
                norms = [self._zero if parameter.grad is None else next(present) for parameter in self._learning]
                torch.stack(norms, out=slot[: self._ends[0]])
        # Not before: what fails in measuring leaves no sample.
        self._taken.append((step, time))
        if not updates:
            self._before = []
        elif self._before:
            torch._foreach_copy_(self._before, self._weights[: self._ends[0]])
        else:
            self._before = [weight.clone() for weight in self._weights[: self._ends[0]]]

    def has_room(self) -> bool:
        """Whether a copy of the weights takes no memory that training might need."""
        if self._before or self._zero.device.type != "cuda":
            return True
        device = self._zero.device
        needed = sum(weight.numel() * weight.element_size() for weight in self._weights[: self._ends[0]])
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return cached + torch.cuda.mem_get_info(device)[0] >= ROOM * needed

    def after_step(self, *, keep: bool, updated: bool = True) -> None:
        """Complete the sample that `before_step` began; `keep` the memory for the copy of the weights. Without `updated` the update is
        not measured.
        """
        slot = self._slots[len(self._taken) - 1]
        first, second = self._ends
        torch.stack(list(self._weight_norm(self._plain_weights())), out=slot[first:second])
        if self._before and updated:
            torch._foreach_sub_(self._before, self._weights[:first])
            torch.stack(list(self._weight_norm(self._before)), out=slot[second:])
        if not keep:
            self._before = []

    def check_range(self) -> None:
        """Before the steps, as it waits for the device: choose another norm for weights that are finite and have squares that are not."""
        weights = self._plain_weights()
        if not weights:
            return
        norms = torch.stack(list(self._norm(weights)))
        if bool(norms.isfinite().all()):
            return
        if not torch.equal(torch.stack(list(self._scaled(weights))).isfinite(), norms.isfinite()):
            self._weight_norm = self._scaled

    def look_at_gradients(self, norms: Sequence[float]) -> None:
        """Take note of norms that have arrived: one that is infinite may be of finite gradients, whose squares overflow. Those that follow are
        measured so that they tell, until they are small.
        """
        if math.inf in norms:
            self._gradient_norm = self._scaled
        elif self._gradient_norm is self._scaled and max(norms, default=0.0) < LARGE:
            self._gradient_norm = self._norm

    def _plain_weights(self) -> Sequence[Tensor]:
        return [weight if weight.dtype in NORMED else weight.float() for weight in self._weights] if self._odd else self._weights

    def send(self) -> SampleChunk | None:
        """All that was taken since the last time, on its way to the host."""
        if not self._taken:
            return None
        used = self._slots[: len(self._taken)]
        batch = SampleChunk(tuple(self._taken), Transfer(used), self._ends, self.trainable)
        used.fill_(NAN)
        self._taken = []
        return batch


@dataclass(frozen=True)
class SampleChunk:
    """Samples on their way to the host."""

    taken: Sequence[tuple[int, float]]
    transfer: Transfer
    ends: tuple[int, int]
    names: tuple[str, ...]

    def samples(self) -> Iterator[NormSample]:
        """In the order in which they were taken; waits for the device."""
        first, second = self.ends
        for (step, time), row in zip(self.taken, self.transfer.values(), strict=True):
            yield NormSample(step, time, tuple(row[:first]), tuple(row[first:second]), tuple(row[second:]), self.names)


class LayerColumns:
    """How samples stand in the stream `layers`: the columns of one parameter side by side, in the order of the model."""

    def __init__(self, model: nn.Module, norms: NormRing) -> None:
        trainable, total = len(norms.trainable), len(norms.names)
        places: list[int] = []
        columns: list[Column] = []
        place_of = {name: place for place, name in enumerate(norms.names)}
        for name, parameter in model.named_parameters():
            place = place_of[name]
            starts = (0, trainable, trainable + total)  # of gradients, weights and ratios in a sample
            for column, start in zip(columns_of(LAYERS), starts, strict=True):
                if parameter.requires_grad or column.name == WEIGHT_NORM:
                    columns.append(column._replace(name=of_parameter(column.name, name)))
                    places.append(start + place)
        self.columns = tuple(columns)
        # With a second place an itemgetter returns a tuple, whatever there is to get.
        self._pick = itemgetter(*places, 0) if places else None

    def row(self, sample: NormSample) -> tuple[float, ...]:
        if self._pick is None:
            return (sample.step, sample.time)
        return (sample.step, sample.time, *self._pick(sample.gradients + sample.weights + sample.ratios)[:-1])


class Norms(Instrument):
    """Samples the norms as often as the budget and the disk allow; updates with each of them while somebody looks, else with some."""

    stream = LAYERS

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._ring = NormRing(setup.model, setup.device)
        self._table = LayerColumns(setup.model, self._ring)
        self._price = setup.price(SHARE, parts=2)
        self.prices = (self._price,)
        self._sent: deque[SampleChunk] = deque()
        self._sampling = self._watched = self._with_updates = False
        self._began = setup.clock()
        self._first = ONE_IN  # samples at the start of which each has updates
        self._without, self._updates_at = 0, 0.0  # samples since the last one with updates, and when one is due at the latest
        self.due = setup.first_step

    @property
    def columns(self) -> Sequence[Column]:
        return self._table.columns

    @property
    def extra(self) -> Mapping[str, object]:
        return describe(self.setup.model, self.setup.name).to_json()

    @property
    def full(self) -> bool:
        return self._ring.full

    def begin(self) -> None:
        self._ring.check_range()
        super().begin()

    def before_step(self, step: int) -> None:
        self._price.begin()
        self._watched = Measurement.UPDATES in self.setup.lease().measurements
        updates = UPDATE_RATIO not in self.unavailable and (self._watched or self._updates_due())
        if updates and not self._watched and not self._ring.has_room():
            self.give_up(UPDATE_RATIO, NO_ROOM, step)
            updates = False
        try:
            self._ring.before_step(step, self.setup.clock(), updates=updates)
        except torch.OutOfMemoryError:
            if not updates:
                raise
            self.give_up(UPDATE_RATIO, NO_ROOM, step)
        self._price.end()
        self._sampling, self._with_updates = True, updates

    def _updates_due(self) -> bool:
        return self._first > 0 or self._without >= ONE_IN - 1 or self.setup.clock() >= self._updates_at

    def after_step(self, step: int) -> None:
        if not self._sampling:
            return
        self._sampling = False
        self._price.begin()
        self._ring.after_step(keep=self._watched)
        self._price.end()
        elapsed = self.setup.clock() - self._began
        part = WITH_UPDATES if self._with_updates else PLAIN
        self._price.close(part)
        self._first -= 1
        self._without += 1
        if self._with_updates:
            self._without = 0
            self._updates_at = self.setup.clock() + base_period(elapsed) / 2
        # Until the price of plain samples is known they count as the others.
        self.due = step + self._price.base_wait(elapsed, part if self._price.known(part) else WITH_UPDATES) * self.setup.size_limit.stretch

    def send(self) -> None:
        if self._sampling:
            # The step was not taken: it ended before its update, as where a gradient is not finite.
            self._sampling = False
            self._ring.after_step(keep=False, updated=False)
        batch = self._ring.send()
        if batch is not None:
            self._sent.append(batch)

    def rows(self, *, wait: bool) -> Iterator[Row]:
        while self._sent and (wait or self._sent[0].transfer.ready):
            batch = self._sent.popleft()
            # Handing samples over is a part of what they cost.
            began, offset = self.setup.clock(), self.setup.offset()
            for sample in batch.samples():
                self._ring.look_at_gradients(sample.gradients)
                self.setup.sampled(sample)
                self.setup.totals[sample.step] = sample.total
                row = self._table.row(sample)
                yield (row[0], row[1] + offset, *row[2:])
            for part in (PLAIN, WITH_UPDATES):
                self._price.add_overhead((self.setup.clock() - began) / len(batch.taken), part)

    def model_changed(self) -> None:
        self._ring = NormRing(self.setup.model, self.setup.device)
        self._table = LayerColumns(self.setup.model, self._ring)
        self._ring.check_range()
