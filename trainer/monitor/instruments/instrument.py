"""What every instrument is: an object that measures one thing inside the training and writes one stream.

A new instrument is a class in a file of this folder, its stream in `trainer.record.streams.registry`, and its place in
`INSTRUMENTS` of `trainer.monitor.instruments`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.monitor.budget import Price, StepTime
from gradtop.trainer.monitor.size_limit import SizeLimit
from gradtop.trainer.record import Column, EventKind, Lease, StreamWriter
from gradtop.trainer.record.streams.open_streams import Row
from gradtop.trainer.record.streams.registry import ALL, UNAVAILABLE, columns_of

if TYPE_CHECKING:
    from gradtop.trainer.monitor.instruments.norms import NormSample

NEVER = math.inf


@dataclass(frozen=True)
class Setup:
    """What an instrument measures, and what it is given for that.

    `name` is the model's. `clock` is monotonic, in seconds; adding `offset` gives unix time. `lease` returns what somebody looks at,
    `step` the newest step done. `sampled` is called with each sample of norms; `totals` holds the total gradient norm of steps by their number
    until the records of these steps are made.
    """

    model: nn.Module
    name: str
    config: MonitorConfig
    device: torch.device
    writer: StreamWriter
    first_step: int
    steps_per_epoch: int
    clock: Callable[[], float]
    offset: Callable[[], float]
    lease: Callable[[], Lease]
    size_limit: SizeLimit
    step: Callable[[], int]
    sampled: Callable[[NormSample], None]
    step_time: StepTime = field(default_factory=StepTime)
    totals: dict[int, float] = field(default_factory=dict)

    def price(self, share: float, parts: int = 1) -> Price:
        """The price of an instrument that may cost this share of the budget."""
        return Price(self.config.budget, share, self.step_time, self.device, self.clock, parts)


def as_measured(norm: float) -> float:
    """A norm that was measured, for a stream, where NaN says that it was not: that of values that overflowed is infinite."""
    return math.inf if math.isnan(norm) else norm


class Instrument:
    """The monitor calls `begin` when training begins; `before_steps` when an epoch does, or goes on, and `before_evaluation`;
    `before_step` and `after_step` in each step from `due` on; `look`, `send` and `rows` some times a second; `finish` and `close`
    at the end. What an instrument raises switches it off, and it alone.

    `before_step` finds the gradients there and the weights not yet changed. Rows are step, unix time and values.
    `unavailable` maps columns that are not measured, by their declared names, to the reason; `ALL` stands for every column.
    """

    stream: ClassVar[str]
    always: ClassVar[bool] = False  # measures also where monitor.enabled is false
    prices: Sequence[Price] = ()  # of what measures within the budget
    due: float = NEVER

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.unavailable: dict[str, str] = {}

    @property
    def columns(self) -> Sequence[Column]:
        return columns_of(self.stream)

    @property
    def extra(self) -> Mapping[str, object]:
        """What a reader must know beside the records."""
        return {}

    @property
    def full(self) -> bool:
        """Whether nothing more can be measured before `send`."""
        return False

    def open(self, first_step: int) -> None:
        """Begin a segment, with the reasons for what is not measured in it."""
        extra = {**self.extra, UNAVAILABLE: dict(self.unavailable)} if self.unavailable else self.extra
        self.setup.writer.open(self.stream, self.columns, first_step=first_step, extra=extra)

    def give_up(self, column: str, reason: str, step: int) -> None:
        """Record, once, that a column is not measured after `step`, and why: as an event, and in a segment that begins there."""
        if column not in self.unavailable:
            self.unavailable[column] = reason
            self.report({column: reason}, step)
            self.open(step + 1)

    def report(self, unavailable: Mapping[str, str], step: int) -> None:
        """Record as events which columns are not measured, an event for each reason."""
        for reason in dict.fromkeys(unavailable.values()):
            columns = [column for column, why in unavailable.items() if why == reason and column != ALL]
            self.setup.writer.event(EventKind.UNAVAILABLE, step=step, stream=self.stream, columns=columns, reason=reason)

    def begin(self) -> None:
        """Training begins: open the stream."""
        self.open(self.setup.first_step)

    def before_steps(self, step: int) -> None:
        """The model is about to train, from `step` on."""

    def before_evaluation(self) -> None:
        """The model is about to do something else than train."""

    def before_step(self, step: int) -> None:
        """Measure before the weights change."""

    def after_step(self, step: int) -> None:
        """Measure what the step did, and set `due`."""

    def look(self, step: int, now: float) -> None:
        """Measure what somebody looks at, if it is due."""

    def send(self) -> None:
        """Set what was measured on its way to the host."""

    def rows(self, *, wait: bool) -> Iterable[Row]:  # noqa: ARG002 - for those that have rows
        """The records that have reached the host, in order; all of them where it may `wait` for the device."""
        return ()

    def observe_prices(self) -> None:
        """Take note of what measurements have cost of which it is known by now."""
        for price in self.prices:
            price.observe()

    def model_changed(self) -> None:
        """Other parameters train now; nothing is under way."""

    def finish(self, step: int) -> None:
        """Measure once more what the end of a training should show."""

    def close(self) -> None:
        """End threads; may be called again."""
