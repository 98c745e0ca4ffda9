"""What threads tell the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from gradtop.trainer.record import Run
from gradtop.tui.reading.poll import CommandAnswer
from gradtop.tui.reading.snapshot import Snapshot

if TYPE_CHECKING:
    from gradtop.trainer.launch.custom_code import Code


class NewSnapshot(Message):
    """Something changed. Carries state, so the newest replaces those not yet handled."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, NewSnapshot)


class Answered(Message):
    """A worker answered a command, or it is clear that it will not."""

    def __init__(self, answer: CommandAnswer) -> None:
        super().__init__()
        self.answer = answer


class Launched(Message):
    """A run was started (`notice` tells how) and is to be watched, or `problem` tells why not."""

    def __init__(self, run: Run | None, notice: str = "", problem: str = "", *, watch: bool = True) -> None:
        super().__init__()
        self.run, self.notice, self.problem, self.watch = run, notice, problem, watch


class CodeNeedsConsent(Message):
    """What is to be started names custom code that was not started here before: `codes`. `again` starts it once that is agreed to."""

    def __init__(self, codes: Sequence[Code], again: Callable[[], None]) -> None:
        super().__init__()
        self.codes, self.again = codes, again


class ServerChecked(Message):
    """Whether there is a torch server to start the next run at once; `problem` tells why not, "" where there is one."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem
