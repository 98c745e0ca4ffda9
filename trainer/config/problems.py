"""What is wrong with a configuration, said for the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where (`file`, `line` counted from 1, 0 unknown; dotted `key`), what, and perhaps the cure."""

    file: str
    key: str
    message: str
    suggestion: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return printable(": ".join(filter(None, (place, cut(self.key, 80), self.explanation))))

    @property
    def explanation(self) -> str:
        """What is wrong and the cure, without the place."""
        return printable(f"{self.message}; {self.suggestion}" if self.suggestion else self.message)


def printable(text: str) -> str:
    """One line in which nothing can steer a terminal: what is not printable, as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text)


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


class ConfigProblems(Exception):
    """All that is wrong, at once; its text is one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
