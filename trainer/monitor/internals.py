"""What is looked at inside the model, and when: norms and histograms, as often as the budget and the disk allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.monitor.budget import Governor, Meter, StepTime
from gradtop.trainer.monitor.instruments import norms
from gradtop.trainer.monitor.instruments.histograms import Histograms
from gradtop.trainer.monitor.instruments.norms import Norms, Sample, Table
from gradtop.trainer.monitor.size_limit import SizeLimit
from gradtop.trainer.record import Lease

# Of the budget. Runs in pairs, with and without, show that steps lose as much again to what no clock around the
# measuring sees: caches that were swept, and threads that read leases and write records.
NORMS_SHARE, HISTOGRAMS_SHARE = 0.3, 0.12
LOOKED_AT_EVERY = 0.8  # seconds between two histograms of what somebody looks at; with the wait for a drain, one
LOOKED_AT = 4  # parameters of which that is done
AT_END = 0.5  # seconds that a last set of histograms may take


class Internals:
    """Nothing is due before step `look_at`; from then on `before_step` and `after_step` are to be called.

    Histograms are taken of one parameter at a time, so that no single step bears a whole set of them.
    """

    def __init__(
        self,
        model: nn.Module,
        config: MonitorConfig,
        device: torch.device,
        *,
        first_step: int,
        steps_per_epoch: int,
        clock: Callable[[], float],
        viewers: Callable[[], Lease],
        size_limit: SizeLimit,
    ) -> None:
        self._device = device
        self.norms = Norms(model, device)
        self.table = Table(model, self.norms)
        self.histograms = Histograms(model, config.histogram_bins)
        self.look_at = first_step
        self._clock, self._viewers, self._size_limit = clock, viewers, size_limit
        self._budget = config.budget
        self._norms_meter, self._histograms_meter = Meter(device, clock), Meter(device, clock)
        self.step_time = StepTime()
        self._norms_governor = Governor(config.budget * NORMS_SHARE, self.step_time)
        self._every = range(len(self.histograms.names))
        # Parameters differ in size, and so in what they cost.
        self._governors = [Governor(config.budget * HISTOGRAMS_SHARE, self.step_time) for _ in self._every]
        self._measured: deque[int] = deque()  # whose costs are not known yet
        self._sampling = False
        self._norms_at = self._histogram_at = first_step
        self._set_every = config.histogram_every * steps_per_epoch
        self._set_at = self._next_set(first_step - 1)
        self._due: deque[int] = deque()
        self._first_step = first_step
        # Before training, and of a training that goes on once more at its end only.
        self._begins = first_step == 1
        self._looked_at: frozenset[int] = frozenset()
        self._look_again_at = 0.0

    def look_again(self, model: nn.Module) -> None:
        """Other parameters train now; call it when nothing is under way."""
        self.norms = Norms(model, self._device)
        self.table = Table(model, self.norms)

    # In the steps that look

    def before_step(self, step: int) -> None:
        if self._begins:
            self._begins = False
            self._take(self._every, step - 1)
        if step >= self._norms_at:
            self._norms_meter.begin()
            self.norms.before_step(step, self._clock(), updates="gradients" in self._viewers().panes)
            self._norms_meter.end()
            self._sampling = True

    def after_step(self, step: int) -> None:
        if self._sampling:
            self._sampling = False
            self._norms_meter.begin()
            self.norms.after_step()
            self._norms_meter.end()
            self._norms_meter.close()
            self._norms_at = step + self._norms_governor.wait() * self._size_limit.stretch
        if step >= self._set_at:
            self._set_at = self._next_set(step)
            # What is left of a set for which there was no time comes first, and is the newer for it.
            self._due.extend(index for index in self._every if index not in self._due)
        if self._due and step >= self._histogram_at:
            index = self._due.popleft()
            self._take((index,), step)
            self._histogram_at = step + self._governors[index].wait()
        self.look_at = min(self._norms_at, self._histogram_at if self._due else self._set_at)

    def _next_set(self, step: int) -> int:
        every = self._set_every * self._size_limit.stretch
        return (step // every + 1) * every

    def _take(self, indices: Sequence[int], step: int) -> None:
        for index in indices:
            self._histograms_meter.begin()
            self.histograms.take(index, step, self._clock())
            self._histograms_meter.end()
            self._histograms_meter.close()
            self._measured.append(index)

    # A few times a second

    def look_closer(self, step: int, now: float) -> None:
        """Take the histograms that somebody looks at: at once of what was not looked at before, then every second."""
        lease = self._viewers()
        shown = lease.layers if "weights" in lease.panes else ()
        indices = [index for index in self._every if self.histograms.names[index] in shown][:LOOKED_AT] if shown else []
        if indices and (now >= self._look_again_at or not self._looked_at.issuperset(indices)):
            cost = sum(self._governors[index].cost for index in indices)
            self._look_again_at = now + max(LOOKED_AT_EVERY * self._size_limit.stretch, cost / self._budget)
            self._take(indices, step)
        self._looked_at = frozenset(indices)

    def observe_costs(self) -> None:
        for cost in self._norms_meter.costs():
            self._norms_governor.observe_cost(cost)
        for cost in self._histograms_meter.costs():
            self._governors[self._measured.popleft()].observe_cost(cost)

    def samples(self, batch: norms.Batch) -> Iterator[Sample]:
        """The samples of a batch; handing them over is counted as a part of what they cost."""
        began = self._clock()
        yield from batch.samples()
        self._norms_governor.overhead = (self._clock() - began) / len(batch.taken)

    def take_last(self, step: int) -> None:
        """At the end, what a set still lacks; of a training shorter than a set the whole of it."""
        wanted = bool(self._due) or step < self._set_every * self._size_limit.stretch
        if step >= self._first_step and wanted and sum(governor.cost for governor in self._governors) < AT_END:
            self._take(self._every, step)
            self._due.clear()
