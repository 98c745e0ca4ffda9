"""Trainings that are changed live, or stopped, before given steps."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gradtop.trainer.record import Run, read_status
from gradtop.trainer.runtime.control import Stop
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import loop
from gradtop.trainer.training.session import Session


class LiveChanges:
    """Live changes made before given steps, by way of the session itself; a stop before another."""

    def __init__(self, changes: Mapping[int, Mapping[str, object]], stop: int = -1) -> None:
        self.changes, self.stop = dict(changes), stop
        self.seen: list[Session] = []

    last_set = ""

    def due(self) -> bool:
        return True

    def obey(self, session: Session) -> bool:
        self.seen.append(session)
        if session.step == self.stop:
            raise Stop("test")
        changes = self.changes.pop(session.step, None)
        if changes is None:
            return False
        session.set_live(changes)
        return True


def train_with(run: Run, changes: Mapping[int, Mapping[str, object]], *, stop: int = -1, resume: bool = False) -> Session:
    steps = LiveChanges(changes, stop)
    patched = pytest.MonkeyPatch()
    real = loop.train

    def steered(session: Session) -> None:
        session.control = steps  # type: ignore[assignment]
        real(session)

    with patched.context() as patch:
        patch.setattr(loop, "train", steered)
        code = work(run, resume=resume)
    assert code == 0, read_status(run).error
    return steps.seen[-1]
