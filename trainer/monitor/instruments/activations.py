"""What the modules of a model put out: spread, dead units, saturation."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from gradtop.trainer.monitor.instruments.instrument import NEVER, Instrument, Setup, as_measured
from gradtop.trainer.monitor.instruments.probe import Output, Probe, compiled
from gradtop.trainer.monitor.transfer import Transfer
from gradtop.trainer.record import Column
from gradtop.trainer.record.streams.open_streams import Row
from gradtop.trainer.record.streams.registry import ACTIVATIONS, ALL, MODULES, columns_of, of_parameter

SHARE = 0.12  # of the budget
FIRST = 1  # steps before the first one that is looked at: what the model compiles is known by then


@dataclass(frozen=True)
class PendingSample:
    """The figures of one step on their way to the host; `names` are those of the columns."""

    step: int
    time: float
    names: tuple[str, ...]
    transfer: Transfer


class Activations(Instrument):
    """Sets hooks before a step that is to be sampled and takes them away after its gradients are computed."""

    stream = ACTIVATIONS

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._price = setup.price(SHARE)
        self.prices = (self._price,)
        self._probe = Probe(setup.model, self._price.begin, self._price.end)
        self._modules: dict[str, str] = {}  # kinds by name, in the order of execution
        self._columns: dict[str, Column] = {}
        self._opened = False
        self._taken: deque[PendingSample] = deque()
        self._began = setup.clock()
        self._wait_for(setup.first_step + FIRST)

    @property
    def columns(self) -> Sequence[Column]:
        return tuple(self._columns.values())

    @property
    def extra(self) -> Mapping[str, object]:
        return {MODULES: [{"name": name, "kind": kind} for name, kind in self._modules.items()]}

    def begin(self) -> None:
        """Which modules run, and in which order, is known when they have: the stream is opened then."""
        self._look_for_compilation(self.setup.first_step - 1)

    def _wait_for(self, step: float) -> None:
        """The next step to be sampled; the hooks are set after the one before it."""
        self._at: float = step
        self.due = step - 1

    def before_steps(self, step: int) -> None:
        if step >= self._at and not self._probe.attached:
            self._attach(step)

    def before_evaluation(self) -> None:
        if self._probe.attached:
            self._probe.detach()
            self._wait_for(self._at)

    def _attach(self, step: int) -> None:
        if self._look_for_compilation(step - 1):
            return
        self._price.begin()
        self._probe.attach()
        self._price.end()
        self._at = self.due = step

    def _look_for_compilation(self, step: int) -> bool:
        """Whether this is at an end, as the model was compiled."""
        if reason := compiled(self.setup.model):
            self.give_up(ALL, reason, step)
            self._wait_for(NEVER)
        return bool(reason)

    def before_step(self, step: int) -> None:
        if not self._probe.attached:
            return
        self._price.begin()
        outputs = self._probe.detach()
        if self._probe.error is not None:
            raise self._probe.error
        if outputs:
            self._take(step, outputs)
        self._price.end()
        self._price.close()

    def _take(self, step: int, outputs: Sequence[Output]) -> None:
        names = tuple([of_parameter(column, output.name) for output in outputs for column in output.figures])
        values = torch.stack([value.float() for output in outputs for value in output.figures.values()])
        self._taken.append(PendingSample(step, self.setup.clock(), names, Transfer(values)))
        if not all(name in self._columns for name in names):
            declared = {column.name: column for column in columns_of(ACTIVATIONS)}
            for output in outputs:
                self._modules[output.name] = output.kind
                for column in output.figures:
                    name = of_parameter(column, output.name)
                    self._columns[name] = declared[column]._replace(name=name)
            # What waits to be written is written in the new columns, too.
            self.open(self._taken[0].step if self._opened else self.setup.first_step)
            self._opened = True

    def after_step(self, step: int) -> None:
        if self._at <= step:
            self._wait_for(step + max(self._price.base_wait(self.setup.clock() - self._began) * self.setup.size_limit.stretch, 2))
        if step + 1 >= self._at and not self._probe.attached:
            self._attach(step + 1)

    def rows(self, *, wait: bool) -> Iterator[Row]:
        while self._taken and (wait or self._taken[0].transfer.ready):
            taken = self._taken.popleft()
            found = dict(zip(taken.names, taken.transfer.values(), strict=True))
            values = [as_measured(found[name]) if name in found else math.nan for name in self._columns]
            yield (taken.step, taken.time + self.setup.offset(), *values)

    def model_changed(self) -> None:
        self.before_evaluation()

    def close(self) -> None:
        self._probe.detach()
