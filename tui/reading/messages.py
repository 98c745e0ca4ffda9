"""What threads tell the app."""

from __future__ import annotations

from textual.message import Message

from gradtop.trainer.record import Run
from gradtop.tui.reading.poll import Answer
from gradtop.tui.reading.snapshot import Snapshot


class NewSnapshot(Message):
    """Something changed. Carries state, so the newest replaces those not yet handled."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, NewSnapshot)


class Answered(Message):
    """A worker answered a command, or it is clear that it will not."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Launched(Message):
    """A run was started (`said` tells how) and is to be watched, or `problem` tells why not."""

    def __init__(self, run: Run | None, said: str = "", problem: str = "", *, watch: bool = True) -> None:
        super().__init__()
        self.run, self.said, self.problem, self.watch = run, said, problem, watch


class NoServer(Message):
    """There is no torch server to start the next run at once; `problem` tells why."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem
