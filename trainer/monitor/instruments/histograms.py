"""Histograms of the parameters, binned on the device."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from gradtop.trainer.monitor.instruments.instrument import Instrument, Setup
from gradtop.trainer.monitor.transfer import Transfer
from gradtop.trainer.record import Column
from gradtop.trainer.record.streams.open_streams import Row
from gradtop.trainer.record.streams.registry import (
    HIGH,
    HISTOGRAMS,
    LOW,
    MAX,
    MEAN,
    MIN,
    NONFINITE,
    STD,
    ZEROS,
    Measurement,
    columns_of,
)
from gradtop.trainer.record.streams.registry import bins as names_of_bins

FIGURES = (LOW, HIGH, MEAN, STD, MIN, MAX, ZEROS, NONFINITE)  # of a histogram, before its counts
NONFINITE_AT = FIGURES.index(NONFINITE)
SHARE = 0.12  # of the budget
LOOKED_AT_EVERY = 0.8  # seconds between two histograms of what somebody looks at; with the wait for a drain, one
LOOKED_AT = 4  # parameters of which that is done
AT_END = 0.5  # seconds that a last set may take
# A float32 counts in ones up to 2**24.
COUNTED_AT_ONCE = 1 << 24
# Weights between these have squares that float32 holds, as many as there are; others are scaled by a power of two, which is exact.
TINY, HUGE, SCALE = 2.0**-40, 2.0**40, 2.0**88
NARROWEST = 1e-6  # of the weight, by which a range reaches to both sides of weights that are all equal


class Histograms(Instrument):
    """Takes a set before training, after every few epochs and at the end, of one parameter at a time, so that no single step
    bears a whole set; of a parameter that somebody looks at once a second. The bins reach from the smallest finite weight to the largest.
    A complex weight counts as two numbers.
    """

    stream = HISTOGRAMS

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        named = list(setup.model.named_parameters())
        self.names = tuple(name for name, _ in named)
        self._weights = [parameter.detach() for _, parameter in named]
        self._counts = [values_in(weight) for weight in self._weights]
        self._nonfinite: set[int] = set()  # parameters that had a weight which is not finite when they were last measured
        self._taken: deque[tuple[int, float, int, Transfer | list[float]]] = deque()
        self._every = range(len(named))
        self._price = setup.price(SHARE, len(named))
        self.prices = (self._price,)
        self._at: float = setup.first_step  # the next step in which a parameter may be measured
        self._set_every = setup.config.histogram_every * setup.steps_per_epoch
        self._set_at = self._next_set(setup.first_step - 1)
        self._waiting: deque[int] = deque()  # parameters that a set still lacks
        # Before training, and of a training that goes on once more at its end only.
        self._begins = setup.first_step == 1
        self._looked_at: frozenset[int] = frozenset()
        self._look_again_at = 0.0
        self.due = setup.first_step

    @property
    def columns(self) -> Sequence[Column]:
        return (*columns_of(HISTOGRAMS), *map(Column, names_of_bins(self.setup.config.histogram_bins)))

    @property
    def extra(self) -> Mapping[str, object]:
        return {"parameters": list(self.names)}

    def begin(self) -> None:
        # Those from before training stand at step 0.
        self.open(0 if self._begins else self.setup.first_step)

    def before_step(self, step: int) -> None:
        if self._begins:
            self._begins = False
            self._take(self._every, step - 1)

    def after_step(self, step: int) -> None:
        if step >= self._set_at:
            self._set_at = self._next_set(step)
            # What is left of a set for which there was no time comes first, and is the newer for it.
            self._waiting.extend(index for index in self._every if index not in self._waiting)
        if self._waiting and step >= self._at:
            index = self._waiting.popleft()
            self._take((index,), step)
            self._at = step + self._price.wait(index)
        self.due = self._at if self._waiting else self._set_at

    def look(self, step: int, now: float) -> None:
        lease = self.setup.lease()
        shown = lease.parameters if Measurement.HISTOGRAMS in lease.measurements else ()
        indices = [index for index in self._every if self.names[index] in shown][:LOOKED_AT] if shown else []
        # At once of what was not looked at before.
        if indices and (now >= self._look_again_at or not self._looked_at.issuperset(indices)):
            wait = max(LOOKED_AT_EVERY * self.setup.size_limit.stretch, self._price.cost(indices) / self.setup.config.budget)
            self._look_again_at = now + wait
            self._take(indices, step)
        self._looked_at = frozenset(indices)

    def finish(self, step: int) -> None:
        """What a set still lacks; of a training shorter than a set the whole of it."""
        wanted = bool(self._waiting) or step < self._set_every * self.setup.size_limit.stretch
        if step >= self.setup.first_step and wanted and self._price.cost(self._every) < AT_END:
            self._take(self._every, step)
            self._waiting.clear()

    def _next_set(self, step: int) -> int:
        every = self._set_every * self.setup.size_limit.stretch
        return (step // every + 1) * every

    def _take(self, indices: Iterable[int], step: int) -> None:
        for index in indices:
            self._price.begin()
            self.take(index, step, self.setup.clock())
            self._price.end()
            self._price.close(index)

    def take(self, index: int, step: int, time: float) -> None:
        """Of the parameter with this number."""
        weight = self._weights[index]
        bins, on_cpu = self.setup.config.histogram_bins, weight.device.type == "cpu"
        measure = histogram_of_finite if index in self._nonfinite else histogram
        values = histogram_at_once(weight, bins) if on_cpu else Transfer(measure(weight, bins))
        self._taken.append((step, time, index, values))

    def rows(self, *, wait: bool) -> Iterator[Row]:
        while self._taken:
            step, time, index, values = self._taken[0]
            if isinstance(values, Transfer):
                if not (wait or values.ready):
                    return
                values = values.values()
            self._taken.popleft()
            if not (math.isfinite(values[0]) or values[NONFINITE_AT]) and self._counts[index]:
                # Only now that this is known is the device waited for; its weights are of some steps later.
                values = histogram_of_finite(self._weights[index], self.setup.config.histogram_bins).tolist()
            (self._nonfinite.add if values[NONFINITE_AT] else self._nonfinite.discard)(index)
            figures, counts = values[: len(FIGURES)], values[len(FIGURES) :]
            yield (step, time + self.setup.offset(), index, *figures, self._counts[index], *counts)


def histogram(weight: Tensor, bins: int) -> Tensor:
    """The figures and then the counts, in one vector on the weight's device; no number of it is needed on the host.

    Where a weight is not finite, its ends are not either, and the counts are no counts.
    """
    values = _flat(weight)
    if not values.numel():
        return values.new_zeros(len(FIGURES) + bins)
    smallest, largest = torch.aminmax(values)
    peak = torch.maximum(smallest.abs(), largest.abs())
    scale = torch.where(peak > HUGE, 1 / SCALE, torch.where(peak < TINY, SCALE, 1.0)).to(values.dtype)
    scaled = values * scale
    mean = scaled.mean()
    # Five times as fast as torch's var, which goes through the values one by one.
    std = torch.linalg.vector_norm(scaled - mean) / math.sqrt(values.numel())
    zeros = (values.numel() - torch.count_nonzero(values)).to(values.dtype) / values.numel()
    # Equal weights, as those of a bias before training, stand in the middle of a range.
    margin = (smallest == largest).to(values.dtype) * torch.clamp(peak * NARROWEST, min=0.5)
    low, high = (smallest - margin) * scale, (largest + margin) * scale
    # With its range given as numbers histc need not look for it, which would wait for the device.
    parts = [
        torch.histc((part - low) / (high - low), bins, 0.0, 1.0) for part in torch.split(scaled, COUNTED_AT_ONCE)
    ]
    counts = parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
    return torch.cat([torch.stack([low / scale, high / scale, mean / scale, std / scale, smallest, largest, zeros, torch.zeros_like(low)]), counts])


def histogram_of_finite(weight: Tensor, bins: int) -> Tensor:
    """As `histogram`, of the weights that are finite, and how many are not; waits for the device."""
    values = _flat(weight)
    finite = values[values.isfinite()]
    found = histogram(finite, bins)
    if not finite.numel():
        found[: len(FIGURES)] = math.nan
    found[FIGURES.index(ZEROS)] = (finite.numel() - torch.count_nonzero(finite)) / values.numel()
    found[NONFINITE_AT] = values.numel() - finite.numel()
    return found


def histogram_at_once(weight: Tensor, bins: int) -> list[float]:
    """The same of a weight on the CPU, where nothing waits and a number costs less than an operation on a tensor of one."""
    values = _flat(weight)
    if not values.numel():
        return histogram(weight, bins).tolist()  # type: ignore[no-any-return]
    smallest, largest = (edge.item() for edge in torch.aminmax(values))
    if not math.isfinite(largest - smallest):
        return histogram_of_finite(weight, bins).tolist()  # type: ignore[no-any-return]
    peak = max(abs(smallest), abs(largest))
    if values.numel() > COUNTED_AT_ONCE or not (TINY <= peak <= HUGE or not peak):
        return histogram(weight, bins).tolist()  # type: ignore[no-any-return]
    mean = values.mean().item()
    std = torch.linalg.vector_norm(values - mean).item() / math.sqrt(values.numel())
    zeros = 1 - int(torch.count_nonzero(values)) / values.numel()
    margin = max(0.5, peak * NARROWEST) if smallest == largest else 0.0
    low, high = smallest - margin, largest + margin
    return [low, high, mean, std, smallest, largest, zeros, 0.0, *torch.histc(values, bins, low, high).tolist()]


def values_in(weight: Tensor) -> int:
    """How many numbers a histogram counts."""
    return weight.numel() * (2 if weight.is_complex() else 1)


def _flat(weight: Tensor) -> Tensor:
    values = (torch.view_as_real(weight) if weight.is_complex() else weight).reshape(-1)
    return values if values.dtype == torch.float64 else values.float()
