"""The monitor: called twice in each step, it notes loss and learning rate and, now and then, looks into the model."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

import torch
from torch import Tensor, nn

from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.models import describe
from gradtop.trainer.monitor.black_box import BlackBox, wrong_parameter
from gradtop.trainer.monitor.instruments import norms, steps
from gradtop.trainer.monitor.instruments.steps import GRAD_NORM_AT, LOSS_AT, LR_AT, RATE_AT, Noted, Pace, StepRow
from gradtop.trainer.monitor.internals import Internals
from gradtop.trainer.monitor.size_limit import SizeLimit, size_of_streams
from gradtop.trainer.monitor.viewers import Viewers
from gradtop.trainer.record import EventKind, Lease, StreamWriter
from gradtop.trainer.record.streams.registry import GRAD_NORM, HISTOGRAMS, LAYERS, LOSS, LR, SAMPLES_PER_S, STEPS

DRAIN_EVERY = 0.15  # seconds
SPIKES_APART = 60.0  # seconds
DRIFT = 0.1  # seconds by which clocks may come apart before the time of day is put right
NEVER = math.inf


class Monitor:
    """Never raises into training: where measuring fails it is switched off, and that is said.

    Nothing waits for the device but `flush`, `black_box` and `close`.
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
        name: str = "",
        clock: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
        viewers: Callable[[], Lease] | None = None,
    ) -> None:
        """`name` is what the model is called; `viewers` says who looks at what; by default the leases of the run are read."""
        self.latest: Mapping[str, float | None] = dict.fromkeys((LOSS, GRAD_NORM, LR, SAMPLES_PER_S))
        self.step = first_step - 1  # the newest step that was handed over
        self._model, self._name, self._writer = model, name, writer
        self._clock, self._wall = clock, wall
        self._offset = wall() - clock()
        self._pending: list[Noted] = []
        self._append = self._pending.append
        self._under_way: deque[tuple[steps.Batch, norms.Batch | None]] = deque()
        self._drain_at = self._spike_at = -NEVER
        self._pace = Pace()
        self._maximum = config.max_bytes
        self._size_limit = SizeLimit(config.max_bytes, size_of_streams(writer.run))
        writer.open(STEPS, first_step=first_step)
        self._viewers: Viewers | None = None
        self._internals: Internals | None = None
        self._look_at: float = NEVER
        self._black_box = BlackBox()
        if config.enabled:
            if viewers is None:
                viewers = self._viewers = Viewers(writer.run)
                self._viewers.start()
            self._internals = Internals(
                model,
                config,
                device,
                first_step=first_step,
                steps_per_epoch=steps_per_epoch,
                clock=clock,
                viewers=viewers,
                size_limit=self._size_limit,
            )
            self._look_at = first_step
            self._black_box = BlackBox(self._internals.norms.trainable)
            self._open_streams(self._internals, first_step)

    def _open_streams(self, internals: Internals, first_step: int) -> None:
        table = describe(self._model, self._name).to_json()
        self._writer.open(LAYERS, internals.table.columns, first_step=first_step, extra=table)
        self._writer.open(
            HISTOGRAMS,
            internals.histograms.columns,
            # Those from before training stand at step 0.
            first_step=0 if first_step == 1 else first_step,
            extra={"parameters": list(internals.histograms.names)},
        )

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

    # In some steps

    def _before_step(self, step: int) -> None:
        try:
            if self._internals is not None:
                self._internals.before_step(step)
        except Exception as error:  # noqa: BLE001 - whatever fails in measuring, training goes on
            self._give_up(error)

    def _after_step(self, step: int) -> None:
        try:
            if self._internals is not None:
                self._internals.after_step(step)
                self._look_at = self._internals.look_at
                if self._internals.norms.full:
                    self._drain_at = -NEVER
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)

    def _drain(self, now: float) -> None:
        self._drain_at = now + DRAIN_EVERY
        try:
            self._send()
            if self._internals is not None:
                self._internals.look_closer(self.step, now)
            self._receive(wait=False)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)

    def _send(self) -> None:
        """Set what was measured on its way to the host."""
        noted = self._pending[:]
        self._pending.clear()
        if noted:
            self.step = noted[-1][0]
            seconds = self._pace.look(noted)
            if seconds is not None and self._internals is not None:
                self._internals.step_time.observe(seconds)
        samples = self._internals.norms.send() if self._internals is not None else None
        if noted or samples is not None:
            self._under_way.append((steps.Batch(noted, self._pace.samples_per_s), samples))

    def _receive(self, *, wait: bool) -> None:
        """Write what has reached the host."""
        offset = self._time_of_day()
        while self._under_way:
            batch, samples = self._under_way[0]
            if not (wait or (batch.ready and (samples is None or samples.transfer.ready))):
                break
            self._under_way.popleft()
            totals = self._write_layers(samples, offset) if samples is not None else {}
            self._write_steps(batch.rows(offset, totals))
        if self._internals is not None:
            rows = self._internals.histograms.rows(wait=wait)
            self._put(HISTOGRAMS, [(row[0], row[1] + offset, *row[2:]) for row in rows])
            self._internals.observe_costs()

    def _time_of_day(self) -> float:
        """What makes a time of day of the clock by which steps are timed, and which does not jump or fall back."""
        offset = self._wall() - self._clock()
        if abs(offset - self._offset) > DRIFT:
            self._offset = offset
        return self._offset

    def _write_layers(self, batch: norms.Batch, offset: float) -> dict[int, float]:
        """Returns the total gradient norm at each sampled step."""
        if self._internals is None:
            return {}
        rows, totals = [], {}
        for sample in self._internals.samples(batch):
            self._black_box.samples.append(sample)
            totals[sample.step] = sample.total
            row = self._internals.table.row(sample)
            rows.append((row[0], row[1] + offset, *row[2:]))
        self._put(LAYERS, rows)
        return totals

    def _write_steps(self, rows: list[StepRow]) -> None:
        if not rows:
            return
        self._put(STEPS, rows)
        highest = max(rows, key=itemgetter(LOSS_AT))
        spike = self._black_box.spike(highest[LOSS_AT])
        self._black_box.note(rows)
        last, norm = rows[-1], next((row[GRAD_NORM_AT] for row in reversed(rows) if not math.isnan(row[GRAD_NORM_AT])), None)
        self.latest = {
            LOSS: last[LOSS_AT],
            GRAD_NORM: self.latest[GRAD_NORM] if norm is None else norm,
            LR: last[LR_AT],
            SAMPLES_PER_S: None if math.isnan(last[RATE_AT]) else last[RATE_AT],
        }
        if spike and self._clock() >= self._spike_at:
            self._spike_at = self._clock() + SPIKES_APART
            parameter, _ = self._black_box.culprit(highest[0])
            self._writer.event(EventKind.BLACK_BOX, **self._black_box.tell(highest[0], spike, parameter, wrong=False))

    def _put(self, stream: str, rows: Sequence[tuple[float, ...]]) -> None:
        if not rows:
            return
        self._writer.put_many(stream, rows)
        if self._size_limit.wrote(8 * len(rows) * len(rows[0])):
            self._writer.event(
                EventKind.WARNING,
                step=self.step,
                message=f"the run's streams fill half of monitor.max_bytes ({self._maximum / 1e6:,.0f} MB): norms and "
                "histograms are taken half as often from now on, and ever less as the rest fills; steps and "
                "evaluations are all kept",
            )

    # Between steps

    def look_again(self, first_step: int) -> None:
        """Other parameters train from `first_step` on: their norms are measured from now."""
        if self._internals is None:
            return
        self.flush()
        self._internals.look_again(self._model)
        self._black_box.look_at(self._internals.norms.trainable)
        table = describe(self._model, self._name).to_json()
        self._writer.open(LAYERS, self._internals.table.columns, first_step=first_step, extra=table)

    def flush(self) -> None:
        """Hand over all that was measured so far; waits for the device."""
        try:
            self._send()
            self._receive(wait=True)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)
        # What comes before the next step is no training: an evaluation, a checkpoint, a pause.
        self._pace.pause()

    def black_box(self, step: int, what: str) -> dict[str, object]:
        """The steps before something went wrong at `step`, and the parameter that went wrong first, as plain values."""
        self.flush()
        found = wrong_parameter(self._model)
        parameter, wrong = (found, True) if found else self._black_box.culprit(step)
        return self._black_box.tell(step, f"{what or 'a gradient'} is not finite", parameter, wrong=wrong)

    def close(self) -> None:
        """May be called again."""
        if self._viewers is not None:
            self._viewers.close()
        self.flush()
        try:
            if self._internals is not None:
                self._internals.take_last(self.step)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)
        self.flush()
        self._internals, self._look_at = None, NEVER

    def _give_up(self, error: Exception) -> None:
        if self._internals is None:
            return
        self._internals, self._look_at = None, NEVER
        said = (str(error).strip().splitlines() or [""])[0][:200]
        self._writer.event(
            EventKind.WARNING,
            step=self.step,
            message=f"norms and histograms are no longer measured ({type(error).__name__}: {said}); training goes on",
        )
