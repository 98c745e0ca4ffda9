"""The stream `steps`: every step has a record, and no step waits for one."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import deque
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gradtop.trainer.monitor.instruments.instrument import Instrument, Setup, as_measured
from gradtop.trainer.monitor.transfer import Transfer
from gradtop.trainer.record.streams.registry import STEPS

NAN = math.nan
ENOUGH = 64
# step, when it ended, loss, learning rate, total gradient norm if it is known, what it is clipped to, samples, seconds of waiting for them,
# loss without label smoothing and accuracy if they are known
Noted = tuple[int, float, Tensor, float, Tensor | None, float, int, float, Tensor | None, Tensor | None]


# A record of the stream: step, time, and the columns in their order.
StepRow = tuple[int, float, float, float, float, float, float, float, float, float]
LOSS_AT, LR_AT, GRAD_NORM_AT, CLIPPED_AT, RATE_AT, LOADING_AT, PLAIN_LOSS_AT, ACCURACY_AT = range(2, 10)


class Steps(Instrument):
    """Notes each step; `note` is all that a step waits for. The figures of notes go to the host some times a second."""

    stream = STEPS
    always = True

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.newest = setup.first_step - 1  # step that was handed over
        self.pace = PaceMeter()
        self._pending: list[Noted] = []
        self.note = self._pending.append
        self._sent: deque[StepChunk] = deque()
        self._arrived = 0

    @property
    def step(self) -> int:
        """The newest step that was noted; from any thread."""
        last = self._pending[-1:]
        return last[0][0] if last else self.newest

    def send(self) -> None:
        noted = self._pending[:]
        if not noted:
            return
        self.newest = noted[-1][0]
        self._pending.clear()
        seconds = self.pace.look(noted)
        if seconds is not None:
            self.setup.step_time.observe(seconds)
        # Unknown where the pace is, as of a single step.
        self._sent.append(StepChunk(noted, self.pace.samples_per_s, self.pace.loading if seconds is not None else NAN))

    def arrive(self, *, wait: bool) -> None:
        """Settle which notes `rows` is to return. What other instruments sent before them has reached the host then, too."""
        while self._arrived < len(self._sent) and (wait or self._sent[self._arrived].ready):
            self._arrived += 1

    def rows(self, *, wait: bool) -> Iterator[StepRow]:  # noqa: ARG002 - `arrive` has waited
        while self._arrived:
            self._arrived -= 1
            yield from self._sent.popleft().rows(self.setup.offset(), self.setup.totals)


class StepChunk:
    """Steps on their way to the host."""

    def __init__(self, noted: Sequence[Noted], samples_per_s: float, loading: float) -> None:
        self._noted, self._loading = noted, loading
        self._samples_per_s = samples_per_s
        self._losses = _Numbers([one[2] for one in noted])
        self._norms = _Numbers([one[4] for one in noted if one[4] is not None])
        self._plain = _Numbers([one[8] for one in noted if one[8] is not None])
        self._accuracies = _Numbers([one[9] for one in noted if one[9] is not None])

    @property
    def ready(self) -> bool:
        return self._losses.ready and self._norms.ready and self._plain.ready and self._accuracies.ready

    def rows(self, offset: float, norms: dict[int, float]) -> list[StepRow]:
        """The records, whose times are `offset` later; `norms` are total gradient norms that were measured otherwise, of which those of these steps are taken out."""
        rate, known = self._samples_per_s, iter(self._norms.values())
        plains, accuracies = iter(self._plain.values()), iter(self._accuracies.values())
        rows: list[StepRow] = []
        # Of all of these steps, and those before in the same second, it stands with the last.
        loading = [NAN] * (len(self._noted) - 1) + [self._loading]
        for (step, moment, _, lr, norm, clip, _, _, plain_at, accuracy_at), loss, waited in zip(self._noted, self._losses.values(), loading, strict=True):
            measured = norms.pop(step, NAN)
            plain = NAN if plain_at is None else as_measured(next(plains))
            accuracy = NAN if accuracy_at is None else next(accuracies)
            if norm is None:
                rows.append((step, moment + offset, loss, lr, measured, NAN, rate, waited, plain, accuracy))
            else:
                total = as_measured(next(known))
                # A norm that is not finite is that of a step that was not taken.
                clipped = float(total > clip) if clip and math.isfinite(total) else NAN
                rows.append((step, moment + offset, loss, lr, total, clipped, rate, waited, plain, accuracy))
        return rows


class _Numbers:
    """Single numbers, each a tensor of its own: kept as they are until many go to the host in one copy."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._transfer: Transfer | None = None
        self._values: list[float] = []
        if tensors and tensors[0].device.type == "cpu":
            # Here nothing is to be copied, and reading one by one is faster than stacking.
            self._values = [tensor.item() for tensor in tensors]
        elif tensors:
            self._transfer = Transfer(torch.stack(list(tensors)))

    @property
    def ready(self) -> bool:
        return self._transfer is None or self._transfer.ready

    def values(self) -> list[float]:
        return self._values if self._transfer is None else self._transfer.values()


class PaceMeter:
    """How fast training goes: samples a second in the last second of training, the share of it that was spent waiting for them, and the
    seconds of a step.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._looks: deque[tuple[float, int, float]] = deque()
        self._steps: deque[float] = deque(maxlen=ENOUGH)
        self.samples_per_s = self.loading = NAN

    def pause(self) -> None:
        """What follows is not to be counted until the next step."""
        self._last = None

    def look(self, noted: Sequence[Noted]) -> float | None:
        """Median seconds per step among these; None where there are too few."""
        times = [one[1] for one in noted]
        samples, waited = sum(one[6] for one in noted), sum(one[7] for one in noted)
        if self._last is None:
            samples, waited = samples - noted[0][6], waited - noted[0][7]
        else:
            times.insert(0, self._last)
        self._last = times[-1]
        if samples <= 0 or times[-1] <= times[0]:
            return None
        self._looks.append((times[-1] - times[0], samples, waited))
        # As few looks as make a second: of a single step the rate would be anything.
        while sum(seconds for seconds, _, _ in self._looks) - self._looks[0][0] >= 1:
            self._looks.popleft()
        seconds, samples, waited = (sum(each) for each in zip(*self._looks, strict=True))
        self.samples_per_s, self.loading = samples / seconds, min(max(waited / seconds, 0.0), 1.0)
        # The median of so many steps passes over evaluations, each of which may stand alone in its look, and over the
        # steps that measure.
        self._steps.extend(after - before for before, after in itertools.pairwise(times[-ENOUGH:]))
        return statistics.median(self._steps)
