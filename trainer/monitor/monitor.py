"""The monitor: called twice in each step, it notes loss and learning rate and, now and then, looks into the model."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.config.monitor import MonitorConfig
from trainer.models import describe
from trainer.monitor import norms as norms_module
from trainer.monitor import steps as steps_module
from trainer.monitor.audience import Audience
from trainer.monitor.black_box import BlackBox, StepRecord, wrong_parameter
from trainer.monitor.budget import Governor, Meter
from trainer.monitor.histograms import Histograms
from trainer.monitor.norms import Norms, Table
from trainer.monitor.steps import COLUMNS, Noted, Pace
from trainer.monitor.thinning import Thinning, size_of_streams
from trainer.record import Lease, StreamWriter

DRAIN_EVERY = 0.15  # seconds
LOOKED_AT_EVERY = 1.0  # seconds between two histograms of a parameter that somebody looks at
LOOKED_AT = 4  # parameters of which that is done
SPIKES_APART = 60.0  # seconds
# Of the budget; the rest is for what comes with it: handing over records, and caches that were swept.
NORMS_SHARE, HISTOGRAMS_SHARE = 0.6, 0.25
AT_END = 0.5  # seconds that a last set of histograms may take
NEVER = math.inf


@dataclass(frozen=True)
class _Batch:
    """What was measured up to a drain, on its way to the host."""

    steps: steps_module.Batch
    norms: norms_module.Batch | None

    @property
    def ready(self) -> bool:
        return self.steps.ready and (self.norms is None or self.norms.transfer.ready)


class Monitor:
    """Never raises into training: where measuring fails it is switched off, and that is said.

    Nothing here waits for the device but `flush`. `step_at_last_drain` is at most 0.2 s old.
    """

    def __init__(
        self,
        model: nn.Module,
        config: MonitorConfig,
        writer: StreamWriter,
        device: torch.device,
        *,
        first_step: int,
        steps_per_epoch: int = 1000,
        clock: Callable[[], float] = time.perf_counter,
        audience: Callable[[], Lease] | None = None,
    ) -> None:
        """`audience` says who looks at what; by default the leases of the run are read."""
        self.latest: Mapping[str, float | None] = dict.fromkeys(("loss", "grad_norm", "lr", "samples_per_s"))
        self.step = first_step - 1
        self._model, self._writer, self._clock, self._device = model, writer, clock, device
        self._pending: list[Noted] = []
        self._append = self._pending.append
        self._under_way: deque[_Batch] = deque()
        self._drain_at = -NEVER
        self._pace = Pace()
        self._black_box = BlackBox()
        self._spike_at = -NEVER
        self._look_at: float = NEVER
        self._watching: Audience | None = None
        self._closed = False
        writer.open("steps", COLUMNS, first_step=first_step)
        self._thinning = Thinning(config.max_bytes, size_of_streams(writer.run))
        self._maximum = config.max_bytes
        if not config.enabled:
            return
        self._norms = Norms(model, device)
        self._table = Table(model, self._norms)
        self._histograms = Histograms(model, config.histogram_bins)
        self._black_box = BlackBox(self._norms.trainable)
        self._meter, self._histogram_meter = Meter(device, clock), Meter(device, clock)
        self._norms_governor = Governor(config.budget * NORMS_SHARE)
        # The parameters differ in size: over a whole set of them the mean is what counts.
        self._histograms_governor = Governor(
            config.budget * HISTOGRAMS_SHARE, window=max(len(self._histograms.names), 1), typical=statistics.fmean
        )
        self._budget = config.budget
        self._norms_at, self._sampling = first_step, False
        self._set_every = config.histogram_every * max(steps_per_epoch, 1)
        self._set_at = self._next_set(first_step - 1)
        self._due: deque[int] = deque()
        self._histogram_at = first_step
        self._beginning = first_step == 1
        self._looked_at: tuple[int, ...] = ()
        self._looked_at_next = -NEVER
        writer.open("layers", self._table.columns, first_step=first_step, extra=describe(model).to_json())
        writer.open(
            "histograms",
            self._histograms.columns,
            # Those from before training stand at step 0.
            first_step=0 if self._beginning else first_step,
            extra={"parameters": list(self._histograms.names)},
            rollup=False,
        )
        self._look_at = first_step
        if audience is None:
            self._watching = audience = Audience(writer.run)
            self._watching.start()
        self._audience = audience

    # In each step

    def after_backward(self, step: int) -> None:
        if step >= self._look_at:
            self._before_step(step)

    def after_step(
        self, step: int, loss: Tensor, lr: float, norm: Tensor | None, clip: float, samples: int
    ) -> None:
        """`norm` is the total gradient norm before clipping to `clip`, where it is known."""
        now = self._clock()
        self._append((step, now, loss, lr, norm, clip, samples))
        if step >= self._look_at:
            self._after_step(step)
        if now >= self._drain_at:
            self._drain(now)

    # Now and then

    def _before_step(self, step: int) -> None:
        try:
            if self._beginning:
                self._beginning = False
                self._take_histograms(range(len(self._histograms.names)), step - 1)
            if step >= self._norms_at:
                self._meter.begin()
                self._norms.before_step(step, self._clock(), updates="gradients" in self._audience().panes)
                self._meter.end()
                self._sampling = True
        except Exception as error:  # noqa: BLE001 - whatever fails in measuring, training goes on
            self._give_up(error)

    def _after_step(self, step: int) -> None:
        try:
            if self._sampling:
                self._sampling = False
                self._meter.begin()
                self._norms.after_step()
                self._meter.end()
                self._meter.close()
                self._norms_at = step + self._norms_governor.wait(self._thinning.stretch)
                if self._norms.full:
                    self._drain_at = -NEVER
            if step >= self._set_at:
                self._set_at = self._next_set(step)
                self._due.extend(range(len(self._histograms.names)) if not self._due else ())
            if self._due and step >= self._histogram_at:
                self._take_histograms((self._due.popleft(),), step)
                self._histogram_at = step + self._histograms_governor.wait()
            self._look_at = min(self._norms_at, max(self._histogram_at, step + 1) if self._due else self._set_at)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)

    def _next_set(self, step: int) -> int:
        every = self._set_every * self._thinning.stretch
        return (step // every + 1) * every

    def _take_histograms(self, indices: range | tuple[int, ...], step: int) -> None:
        for index in indices:
            self._histogram_meter.begin()
            self._histograms.take(index, step, self._clock())
            self._histogram_meter.end()
            self._histogram_meter.close()

    def _take_looked_at(self, step: int, now: float) -> None:
        lease = self._audience()
        names = lease.layers if "weights" in lease.panes else ()
        indices = tuple(index for index, name in enumerate(self._histograms.names) if name in names)[:LOOKED_AT]
        if indices and (now >= self._looked_at_next or set(indices) - set(self._looked_at)):
            cost = self._histograms_governor.cost * len(indices)
            self._looked_at_next = now + max(LOOKED_AT_EVERY * self._thinning.stretch, cost / self._budget)
            self._take_histograms(indices, step)
        self._looked_at = indices

    def _drain(self, now: float) -> None:
        self._drain_at = now + DRAIN_EVERY
        try:
            self._send()
            self._receive(wait=False)
            if self._look_at < NEVER:
                self._take_looked_at(self.step, now)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)

    def _send(self) -> None:
        norms = self._norms.send() if self._look_at < NEVER else None
        if not self._pending:
            if norms is not None:
                self._under_way.append(_Batch(steps_module.Batch((), math.nan), norms))
            return
        noted = self._pending[:]
        self._pending.clear()
        self.step = noted[-1][0]
        seconds = self._pace.look(noted)
        if seconds is not None and self._look_at < NEVER:
            self._norms_governor.observe_step(seconds)
            self._histograms_governor.observe_step(seconds)
        self._under_way.append(_Batch(steps_module.Batch(noted, self._pace.samples_per_s), norms))

    def _receive(self, *, wait: bool) -> None:
        # Training's own clock is the finer one, and does not jump.
        offset = time.time() - self._clock()
        while self._under_way and (wait or self._under_way[0].ready):
            self._write(self._under_way.popleft(), offset)
        if self._look_at < NEVER:
            for cost in self._meter.costs():
                self._norms_governor.observe_cost(cost)
            for cost in self._histogram_meter.costs():
                self._histograms_governor.observe_cost(cost)
            rows = [(row[0], row[1] + offset, *row[2:]) for row in self._histograms.rows(wait=wait)]
            self._put("histograms", rows)

    def _write(self, batch: _Batch, offset: float) -> None:
        began = self._clock()
        samples = list(batch.norms.samples()) if batch.norms else []
        rows = []
        for sample in samples:
            self._black_box.samples.append(sample)
            row = self._table.row(sample)
            rows.append((row[0], row[1] + offset, *row[2:]))
        self._put("layers", rows)
        if samples:
            self._norms_governor.overhead = (self._clock() - began) / len(samples)
        steps = batch.steps.rows(offset, {sample.step: sample.total for sample in samples})
        self._put("steps", steps)
        if not steps:
            return
        highest = max(steps, key=lambda row: row.loss)
        spike = self._black_box.spike(highest.loss)
        for row in steps:
            self._black_box.steps.append(StepRecord(*row[:1], *row[2:6]))
        known = [row.grad_norm for row in steps if row.grad_norm == row.grad_norm]
        last = steps[-1]
        rate = last.samples_per_s if last.samples_per_s == last.samples_per_s else None
        grad_norm = known[-1] if known else self.latest["grad_norm"]
        self.latest = {"loss": last.loss, "grad_norm": grad_norm, "lr": last.lr, "samples_per_s": rate}
        if spike and began >= self._spike_at:
            self._spike_at = began + SPIKES_APART
            step = highest.step
            self._writer.event("black_box", **self._black_box.tell(step, spike, self._black_box.culprit(step)))

    def _put(self, stream: str, rows: list[tuple[float, ...]] | list[steps_module.StepRow]) -> None:
        if not rows:
            return
        self._writer.put_many(stream, rows)
        if self._thinning.wrote(8 * len(rows) * len(rows[0])):
            self._writer.event(
                "warning",
                message=f"the run's streams have grown to half of monitor.max_bytes ({self._maximum / 1e6:,.0f} MB): "
                "norms and histograms are measured half as often, and ever less as the rest fills; steps and "
                "evaluations are all kept",
            )

    # From outside the step

    def look_again(self, first_step: int) -> None:
        """Other parameters train from `first_step` on: their norms are measured from now."""
        if self._look_at == NEVER:
            return
        self.flush()
        self._norms = Norms(self._model, self._device)
        self._table = Table(self._model, self._norms)
        self._black_box.look_at(self._norms.trainable)
        self._writer.open("layers", self._table.columns, first_step=first_step, extra=describe(self._model).to_json())

    def flush(self) -> None:
        """Hand over all that was measured so far; waits for the device."""
        try:
            self._send()
            self._receive(wait=True)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)
        # What comes before the next step is no training: a checkpoint, a pause.
        self._pace.pause()

    def black_box(self, step: int, what: str) -> dict[str, object]:
        """The last steps before something went wrong at `step`, and the parameter that went wrong first, as plain values."""
        self.flush()
        parameter = wrong_parameter(self._model) or self._black_box.culprit(step)
        return self._black_box.tell(step, f"{what or 'a gradient'} is not finite", parameter)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._watching is not None:
            self._watching.close()
        try:
            if self._look_at < NEVER and self._due_at_end():
                self._take_histograms(range(len(self._histograms.names)), self._last_step())
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)
        self.flush()
        self._look_at = NEVER

    def _due_at_end(self) -> bool:
        """Whether a last set of histograms is wanted: one was begun, or none was since the start, and it takes no time."""
        cheap = self._histograms_governor.cost * len(self._histograms.names) < AT_END
        return cheap and bool(self._due or self._last_step() < self._set_every * self._thinning.stretch)

    def _last_step(self) -> int:
        return self._pending[-1][0] if self._pending else self.step

    def _give_up(self, error: Exception) -> None:
        if self._look_at < NEVER:
            said = (str(error).strip().splitlines() or [""])[0][:200]
            message = f"norms and histograms are no longer measured ({type(error).__name__}: {said}); training goes on"
            self._writer.event("warning", step=self.step, message=message)
        self._look_at = NEVER
        self._sampling = False
