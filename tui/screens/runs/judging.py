"""What is wrong with the runs in view: looked for in the poll thread, and known as long as they stand as they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from textual.message import Message

from gradtop.trainer.analysis.run_row import RunRow
from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.screens.runs.data import AT_FIRST, AT_ONCE, Judgement, judge


class Judged(Message):
    """What is wrong with some of the runs in view."""

    def __init__(self, found: Sequence[Judgement]) -> None:
        super().__init__()
        self.found = found


class RunJudge:
    """Has rows looked at, one look at a time; the screen gets a `Judged` and hands it over."""

    def __init__(self, screen: ModeScreen) -> None:
        self._screen = screen
        self._known: dict[str, Judgement] = {}
        self._looks = False

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self._known)

    def of(self, row: RunRow) -> Judgement | None:
        return self._known.get(row.run.id)

    def look(self, rows: Collection[RunRow], now: float) -> None:
        """Have those looked at that are not known as they stand."""
        if self._looks:
            return
        due = [row for row in rows if (known := self.of(row)) is None or not known.holds(row, now)]
        if due:
            self._looks = True
            poll, seconds = self._screen.gradtop.poll, AT_ONCE if self else AT_FIRST
            poll.do(lambda: self._screen.post_message(Judged(judge(due, poll.clock, seconds))))

    def take(self, message: Judged) -> None:
        self._looks = False
        self._known.update({each.row.run.id: each for each in message.found})
