"""Small runs, and what they leave behind."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.format import State
from gradtop.trainer.checkpoint.sidecar import Saved
from gradtop.trainer.checkpoint.writer import CheckpointWriter
from gradtop.trainer.job import job_events
from gradtop.trainer.record import Event, EventKind, EventReader, Run, StreamReader, new_run, read_status
from gradtop.trainer.record.events import FIELDS
from gradtop.trainer.runtime.control import Control
from gradtop.trainer.runtime.preparing import Preparation
from gradtop.trainer.runtime.signals import Signals
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import loop
from gradtop.trainer.training.session import Session

TINY = """
[model]
kind = "mlp"
hidden = [8]
dropout = 0.25

[data]
kind = "fake"
samples = 60
classes = 3
image_size = 4
channels = 1

[training]
epochs = {epochs}
batch_size = 8
device = "cpu"
seed = 3
"""


def tiny_run(folder: Path, *sections: str, epochs: int = 2) -> Run:
    """A run of a few steps an epoch; `sections` are further TOML tables."""
    return new_run(folder, "\n".join([TINY.format(epochs=epochs), *sections]), {})


@contextmanager
def every_checkpoint() -> Iterator[None]:
    """Each one is written before training goes on: else one that waits gives way to a better or newer one."""
    submit = CheckpointWriter.submit

    def written(self: CheckpointWriter, state: State, saved: Saved) -> None:
        submit(self, state, saved)
        self.finish()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CheckpointWriter, "submit", written)
        yield


def trained(run: Run, watch: Callable[[Session], object] = lambda session: None, **options: Any) -> Session:
    """Train a run by a worker and return its session, which `watch` was given before the first step; `options` are those of `work`."""
    seen: list[Session] = []
    train = loop.train

    def watched(session: Session) -> None:
        seen.append(session)
        watch(session)
        train(session)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "train", watched)
        assert work(run, **options) == 0, read_status(run).error
    return seen[0]


class SignalAtLook(Signals):
    """As if SIGTERM came when training has looked `looks` times, which it does once before each step and each batch of an evaluation.

    How often the inbox is read, and how often is looked while data are prepared, depends on the time that it takes, and does not count.
    """

    def __init__(self, looks: float = math.inf, then: Callable[[], object] = lambda: None) -> None:
        self._left = looks
        self._then = then
        self.name = "SIGTERM"
        self.nothing_to_save = False

    def come(self) -> None:
        """At the next look."""
        self._left = 0

    @property
    def received(self) -> int:
        asks = sys._getframe(1)
        of = asks.f_back
        if asks.f_code is Control.due.__code__ and of is not None and of.f_code is not Preparation.__call__.__code__:
            self._left -= 1
            if self._left == -1:
                self._then()
        return int(self._left < 0)

    @received.setter
    def received(self, value: int) -> None:
        raise AssertionError("no real signal is expected")

    def expect_nothing_to_save(self) -> None:
        """It comes when it comes."""


def fields_of(kind: str) -> tuple[str, ...]:
    """The declared fields of an event."""
    return own.fields if (own := job_events().get(kind)) is not None else FIELDS[EventKind(kind)]


def events(run: Run, kind: str) -> list[Event]:
    """The run's events of a kind. Whatever a worker wrote must be declared."""
    found = EventReader(run).refresh()
    for event in found:
        undeclared = event.keys() - {"time", "kind", *fields_of(str(event["kind"]))}
        assert not undeclared, event
    return [event for event in found if event["kind"] == kind]


def rows(run: Run, stream: str, *names: str) -> list[tuple[float, ...]]:
    """The step and the named columns of every record that counts."""
    reader = StreamReader(run, stream)
    reader.refresh()
    columns = ["step", "time", *(column.name for column in reader.columns)]
    places = [columns.index(name) for name in ("step", *names)]
    return [tuple(row[place] for place in places) for row in reader.rows()]


def newest_state(run: Run) -> dict[str, Any]:
    state = checkpoint.load_newest(run.checkpoints, print)
    assert state is not None
    return state


# A resume is exact bit for bit but for the time that was spent.
TIMES = {"stopwatch"}


def finished(run: Run) -> dict[str, object]:
    """What a run that is done has left in its last checkpoint."""
    assert read_status(run).state == "done", read_status(run).error
    return {key: value for key, value in newest_state(run).items() if key not in TIMES}


def stop_and_resume(run: Run, *stops: int) -> None:
    """Train `run` to its end by several workers; each looks as many times as said before it is stopped."""
    for number, looks in enumerate(stops):
        assert work(run, resume=number > 0, signals=SignalAtLook(looks)) == 0
        assert read_status(run).state == "stopped", read_status(run).error
    assert work(run, resume=True) == 0, read_status(run).error


def check_alike(whole: Run, parted: Run, score: str = "accuracy") -> None:
    """Both runs are done, with the same states bit for bit, and have recorded the same figures."""
    assert not (found := differences(finished(whole), finished(parted))), found
    assert rows(whole, "steps", "loss", "lr") == rows(parted, "steps", "loss", "lr")
    assert rows(whole, "evals", "loss", score) == rows(parted, "evals", "loss", score)


def differences(one: object, other: object, path: str = "") -> list[str]:
    """Where two nested states are not equal bit for bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if torch.equal(one.to_dense(), other.to_dense()) else [path]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [place for key in one for place in differences(one[key], other[key], f"{path}.{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return [place for at, pair in enumerate(pairs) for place in differences(*pair, f"{path}.{at}")]
    return [] if one == other else [path]
