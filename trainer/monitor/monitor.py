"""The monitor: called twice in each step, it notes loss and learning rate and, now and then, has instruments measure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter

import torch
from torch import Tensor, nn

from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.monitor.black_box import BlackBox, wrong_parameter
from gradtop.trainer.monitor.budget import Spending
from gradtop.trainer.monitor.epoch_means import EpochMeans
from gradtop.trainer.monitor.instruments import INSTRUMENTS
from gradtop.trainer.monitor.instruments.instrument import NEVER, Instrument, Setup
from gradtop.trainer.monitor.instruments.steps import GRAD_NORM_AT, LOSS_AT, LR_AT, RATE_AT, StepRow, Steps
from gradtop.trainer.monitor.size_limit import SizeLimit, size_of_streams
from gradtop.trainer.monitor.viewers import Viewers
from gradtop.trainer.record import EventKind, Lease, StreamWriter
from gradtop.trainer.record.streams.open_streams import Row
from gradtop.trainer.record.streams.registry import ALL, GRAD_NORM, LOSS, LR, REGISTRY, SAMPLES_PER_S

DRAIN_EVERY = 0.15  # seconds
SPIKES_APART = 60.0  # seconds
DRIFT = 0.1  # seconds by which clocks may come apart before the time of day is put right


class Monitor:
    """Never raises into training: an instrument that fails is switched off, and the reason recorded.

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
        instruments: Sequence[type[Instrument]] = INSTRUMENTS,
    ) -> None:
        """`name` is what the model is called; `viewers` returns the lease of all screens; by default the leases of the run are read."""
        self.latest: Mapping[str, float | None] = dict.fromkeys((LOSS, GRAD_NORM, LR, SAMPLES_PER_S))
        self.epoch_means = EpochMeans()
        self.chance: Callable[[], float] = lambda: math.nan  # the training loss of a constant prediction
        self._model, self._writer = model, writer
        self._clock, self._wall = clock, wall
        self._offset = wall() - clock()
        self._drain_at = self._spike_at = -NEVER
        self._maximum = config.max_bytes
        self._size_limit = SizeLimit(config.max_bytes, size_of_streams(writer.run))
        self._viewers: Viewers | None = None
        if viewers is None and config.enabled:
            viewers = self._viewers = Viewers(writer.run)
            self._viewers.start()
        self._black_box, self._spending = BlackBox(), Spending(clock)
        setup = Setup(
            model=model,
            name=name,
            config=config,
            device=device,
            writer=writer,
            first_step=first_step,
            steps_per_epoch=steps_per_epoch,
            clock=clock,
            offset=self._time_of_day,
            lease=viewers or Lease,
            size_limit=self._size_limit,
            step=lambda: self._steps.step,
            sampled=self._black_box.add_sample,
        )
        self._steps = Steps(setup)
        self._note = self._steps.note
        self._instruments = [make(setup) for make in instruments if (config.enabled or make.always) and self._writes(make.stream)]
        self._priced = [each for each in self._instruments if each.prices]  # of which the end of a run still tells
        self._begun = False
        self._due = self._next_due()

    @property
    def step(self) -> int:
        """The newest step."""
        return self._steps.step

    @property
    def first_losses(self) -> list[float]:
        """Of the run; for who goes on with it, those that its checkpoint brings."""
        return self._black_box.first

    def spending(self) -> dict[str, object]:
        """What monitoring costs, for the status; called from the heartbeat's thread."""
        return self._spending.read({each.stream: price for each in self._priced for price in each.prices})

    def _writes(self, stream: str) -> bool:
        """Rank 0 writes all of a run's streams, the others those that every rank writes."""
        return not self._writer.rank or REGISTRY[stream].every_rank

    def begin(self) -> None:
        """Training begins. Not before that are streams opened: a resume that fails must hide no records."""
        self._begun = True
        if self._writes(self._steps.stream):
            self._attempt(self._steps, lambda steps: steps.begin())
        self._each(lambda instrument: instrument.begin())

    def before_steps(self, step: int) -> None:
        """The steps of an epoch begin, or go on, with `step`."""
        self._each(lambda instrument: instrument.before_steps(step))
        self._due = self._next_due()

    def before_evaluation(self) -> None:
        self._each(lambda instrument: instrument.before_evaluation())

    def _next_due(self) -> float:
        return min((instrument.due for instrument in self._instruments), default=NEVER)

    # In each step

    def after_backward(self, step: int) -> None:
        if step >= self._due:
            self._before_step(step)

    def after_step(
        self, step: int, loss: Tensor, lr: float, norm: Tensor | None, clip: float, samples: int, waited: float = 0.0,
        plain: Tensor | None = None, accuracy: Tensor | None = None,
    ) -> None:  # fmt: skip
        """`norm` is the total gradient norm before clipping to `clip`, `plain` the loss without label smoothing and `accuracy` that on the samples
        of the step, where they are known; `waited` the seconds that its batches took to come.
        """
        now = self._clock()
        self._note((step, now, loss, lr, norm, clip, samples, waited, plain, accuracy))
        if step >= self._due:
            self._after_step(step)
        if now >= self._drain_at:
            self._drain(now)

    # In some steps

    def _before_step(self, step: int) -> None:
        for instrument in self._instruments:
            if step >= instrument.due:
                try:
                    instrument.before_step(step)
                except Exception as error:  # noqa: BLE001 - whatever fails in measuring, training goes on
                    self._switch_off(instrument, error)

    def _after_step(self, step: int) -> None:
        due = NEVER
        for instrument in self._instruments:
            if step >= instrument.due:
                try:
                    instrument.after_step(step)
                except Exception as error:  # noqa: BLE001 - as above
                    self._switch_off(instrument, error)
                    continue
                if instrument.full:
                    self._drain_at = -NEVER
            due = min(due, instrument.due)
        self._due = due

    def _each(self, call: Callable[[Instrument], object]) -> None:
        """Have each instrument do something, but those that fail in it."""
        for instrument in self._instruments:
            self._attempt(instrument, call)

    def _attempt(self, instrument: Instrument, call: Callable[[Instrument], object]) -> None:
        try:
            call(instrument)
        except Exception as error:  # noqa: BLE001 - as above
            self._switch_off(instrument, error)

    def _drain(self, now: float) -> None:
        self._drain_at = now + DRAIN_EVERY
        self._send()
        step = self._steps.newest
        self._each(lambda instrument: instrument.look(step, now))
        self._receive(wait=False)

    def _send(self) -> None:
        """Set what was measured on its way to the host, the steps last."""
        self._each(lambda instrument: instrument.send())
        self._attempt(self._steps, lambda steps: steps.send())

    def _receive(self, *, wait: bool) -> None:
        """Write what has reached the host."""
        self._attempt(self._steps, lambda _: self._steps.arrive(wait=wait))
        self._each(lambda instrument: self._put(instrument.stream, instrument.rows(wait=wait)))
        self._attempt(self._steps, lambda _: self._write_steps(list(self._steps.rows(wait=wait))))
        self._each(lambda instrument: instrument.observe_prices())

    def _time_of_day(self) -> float:
        """What makes a unix time of the clock by which steps are timed, and which does not jump or fall back."""
        offset = self._wall() - self._clock()
        if abs(offset - self._offset) > DRIFT:
            self._offset = offset
        return self._offset

    def _write_steps(self, rows: list[StepRow]) -> None:
        if not rows:
            return
        self._put(self._steps.stream, rows)
        self.epoch_means.add(rows)
        highest = max(rows, key=itemgetter(LOSS_AT))
        spike = self._black_box.spike(rows, self.chance())
        self._black_box.add_steps(rows)
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
            self._writer.event(EventKind.BLACK_BOX, **self._black_box.report(highest[0], spike, parameter, wrong=False))

    def _put(self, stream: str, records: Iterable[Row]) -> None:
        rows = list(records)
        if not rows or not self._writes(stream):
            return
        self._writer.put_many(stream, rows)
        if self._size_limit.wrote(8 * len(rows) * len(rows[0])):
            self._writer.event(
                EventKind.WARNING,
                step=self.step,
                message=f"the run's streams fill half of monitor.max_bytes ({self._maximum / 1e6:,.0f} MB): norms, "
                "activations and histograms are taken half as often from now on, and ever less as the rest fills; steps and "
                "evaluations are all kept",
            )

    # Between steps

    def model_changed(self, first_step: int) -> None:
        """Other parameters train from `first_step` on."""
        self.flush()

        def change(instrument: Instrument) -> None:
            before = instrument.columns
            instrument.model_changed()
            if self._begun and instrument.columns != before:
                instrument.open(first_step)

        self._each(change)

    def collect(self) -> None:
        """Hand over all that was measured so far; waits for the device."""
        self._send()
        self._receive(wait=True)

    def flush(self) -> None:
        """As `collect`, before something else than a step."""
        self.collect()
        # What comes before the next step is no training: an evaluation, a checkpoint, a pause.
        self._steps.pace.pause()

    def black_box(self, step: int, what: str) -> dict[str, object]:
        """The steps before something went wrong at `step`, and the parameter that went wrong first, as plain values."""
        self.flush()
        found = wrong_parameter(self._model)
        parameter, wrong = (found, True) if found else self._black_box.culprit(step)
        return self._black_box.report(step, f"{what or 'a gradient'} is not finite", parameter, wrong=wrong)

    def close(self) -> None:
        """May be called again."""
        if self._viewers is not None:
            self._viewers.close()
        self.flush()
        self._each(lambda instrument: instrument.finish(self._steps.newest))
        self.flush()
        self._each(lambda instrument: instrument.close())
        self._instruments, self._due = [], NEVER

    def _switch_off(self, instrument: Instrument, error: Exception) -> None:
        first = (str(error).strip().splitlines() or [""])[0][:200]
        reason = f"{type(error).__name__}: {first}"
        # A new list: this one is being gone through.
        self._instruments = [each for each in self._instruments if each is not instrument]
        self._due = self._next_due()
        try:
            instrument.give_up(ALL, reason, self.step)
            instrument.close()
        except Exception as failed:  # noqa: BLE001 - what it failed of may keep it from this, too
            print(f"{instrument.stream}: {failed}", flush=True)
