"""Which runs of the list are marked, to be drawn over each other or compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from gradtop.trainer.analysis.run_row import RunRow
from gradtop.trainer.record import Run


def numbered(marked: Sequence[str], before: Mapping[str, int]) -> dict[str, int]:
    """A number for each marked run, for its colour: the one it had, else the lowest that is free."""
    found = {run: before[run] for run in marked if run in before}
    for run in marked:
        if run not in found:
            found[run] = next(number for number in range(len(marked)) if number not in found.values())
    return found


class RunMarks:
    """Marked runs by their names of directories, in the order in which they were marked."""

    def __init__(self) -> None:
        self._marked: list[str] = []
        self.numbers: dict[str, int] = {}  # for their colours

    def __contains__(self, name: str) -> bool:
        return name in self._marked

    def __bool__(self) -> bool:
        return bool(self._marked)

    def toggle(self, name: str) -> None:
        self._put([each for each in self._marked if each != name] if name in self._marked else [*self._marked, name])

    def clear(self) -> None:
        self._put([])

    def _put(self, marked: list[str]) -> None:
        self._marked = marked
        self.numbers = numbered(marked, self.numbers)

    def overlaid(self, folder: Path, known: Collection[str], row: RunRow | None) -> list[Run]:
        """The marked runs that there are, whatever the filter hides; without marks the one under the cursor."""
        marked = [each for each in self._marked if each in known] or ([row.run.id] if row is not None else [])
        return [Run(folder / each) for each in marked]

    def other(self, known: Collection[str], row: RunRow) -> Run | None:
        """What a run is compared with: the one marked last, else its parent; a filter may hide it."""
        found = next((each for each in (*reversed(self._marked), row.parent) if each in known and each != row.run.id), None)
        return Run(row.run.path.parent / found) if found is not None else None
