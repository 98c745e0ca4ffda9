"""events.jsonl from its beginning, with the number of each line: for programs, which go on where they left off."""

from __future__ import annotations

from gradtop.trainer.record.events import Event, parse_event
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.lines import LineReader

BLOCK = 1 << 20  # bytes that are read at a time; a longer line is no event


class EventLog:
    """The events after line `since`; `read` returns those since the last call, each with the number of its line, counted from 1.

    A line that is no event counts; one that has no end yet is read later.
    """

    def __init__(self, run: Run, since: int = 0) -> None:
        self._run, self._lines, self._since = run, LineReader(run.events, BLOCK), since

    @property
    def is_whole(self) -> bool:
        """Whether the last call has read all that was there."""
        return self._lines.is_whole

    def read(self) -> list[tuple[int, Event]]:
        lines = self._lines.read()
        first = self._lines.number - len(lines) + 1
        return [(number, event) for number, line in enumerate(lines, first) if number > self._since and (event := parse_event(line, self._run)) is not None]
