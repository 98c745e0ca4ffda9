"""A small training by hand under a monitor, and what it leaves in a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.monitor import Monitor
from gradtop.trainer.monitor.instruments.histograms import Histograms
from gradtop.trainer.monitor.instruments.instrument import Instrument
from gradtop.trainer.monitor.instruments.norms import Norms
from gradtop.trainer.record import Event, EventReader, Lease, Run, StreamReader, StreamWriter, new_run

CPU = torch.device("cpu")


class Clock:
    """Each look at it takes `tick` seconds, so what is measured costs some; training puts it forward."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now = 100.0
        self.tick = tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


class Viewers:
    """Screens that show the measurements and parameters that a test says."""

    def __init__(self, *measurements: str, parameters: tuple[str, ...] = ()) -> None:
        self.lease = Lease(frozenset(measurements), frozenset(parameters))

    def __call__(self) -> Lease:
        return self.lease


def small_model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


class Training:
    """Steps of plain SGD on random numbers, of 0.05 s each; `between` is called between backward and step."""

    def __init__(self, model: nn.Module, monitor: Monitor, clock: Clock, *, lr: float = 0.1, clip: float = 0.0) -> None:
        self.model, self.monitor, self.clock, self.lr, self.clip = model, monitor, clock, lr, clip
        self.step = 0
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.between: Callable[[int], object] = lambda step: None
        self._random = torch.Generator().manual_seed(1)

    def train(self, steps: int) -> None:
        self.monitor.before_steps(self.step + 1)
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        for _ in range(steps):
            step = self.step + 1
            self.clock.now += 0.05
            images = torch.randn(6, 4, generator=self._random)
            labels = torch.randint(3, (6,), generator=self._random)
            loss = functional.cross_entropy(self.model(images), labels)
            loss.backward()
            self.monitor.after_backward(step)
            self.between(step)
            norm = torch.cat([each.grad.reshape(-1) for each in learning if each.grad is not None]).norm()
            with torch.no_grad():
                for parameter in learning:
                    if parameter.grad is not None:
                        parameter.sub_(self.lr * parameter.grad)
                        parameter.grad = None
            self.losses.append(loss.item())
            self.norms.append(norm.item())
            self.monitor.after_step(step, loss.detach(), self.lr, norm if self.clip else None, self.clip, 6)
            self.step = step


@contextmanager
def monitored(
    folder: Path,
    model: nn.Module | None = None,
    *,
    clock: Clock | None = None,
    viewers: Viewers | None = None,
    first_step: int = 1,
    steps_per_epoch: int = 10,
    clip: float = 0.0,
    instruments: Sequence[type[Instrument]] = (Norms, Histograms),
    **settings: object,
) -> Iterator[tuple[Training, Run, StreamWriter]]:
    """A training in which measuring costs nothing, so that every step is looked at, if nothing says otherwise."""
    run = new_run(folder, "", {})
    writer = StreamWriter(run)
    config = MonitorConfig.model_validate({"budget": 0.5, "histogram_bins": 8, **settings})
    model = small_model() if model is None else model
    clock = clock or Clock()
    monitor = Monitor(
        model,
        config,
        writer,
        CPU,
        first_step=first_step,
        steps_per_epoch=steps_per_epoch,
        clock=clock,
        wall=clock,
        viewers=viewers or Viewers(),
        instruments=instruments,
    )
    monitor.begin()
    training = Training(model, monitor, clock, clip=clip)
    training.step = first_step - 1
    yield training, run, writer
    monitor.close()
    writer.close()


def table(run: Run, stream: str) -> dict[str, list[float]]:
    """The columns of a stream."""
    reader = StreamReader(run, stream)
    reader.refresh()
    rows = list(reader.rows())
    names = ["step", "time", *(column.name for column in reader.columns)]
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def events(run: Run, kind: str) -> list[Event]:
    return [event for event in EventReader(run).refresh() if event["kind"] == kind]


def set_gradients(model: nn.Module, value: float) -> list[float]:
    """Have all of them be of this value; returns their norms."""
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)
    return [abs(value) * math.sqrt(parameter.numel()) for parameter in model.parameters()]
