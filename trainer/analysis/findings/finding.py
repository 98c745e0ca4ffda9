"""One finding, and how a rule that makes findings is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from gradtop.trainer.named_tuple import NamedTuple

if TYPE_CHECKING:
    from gradtop.trainer.analysis.findings.history import RunHistory


class Severity(StrEnum):
    """An error invalidates the run; a warning means that part of it is wasted; a note is information about a healthy run."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


SYMBOLS = {Severity.ERROR: "✕", Severity.WARNING: "▲", Severity.NOTE: "·"}
TONES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "muted"}


class Finding(NamedTuple):
    """One thing that is wrong: `title` in a few words, `sentence` with its figure, `evidence` those figures, `advice` what to do about it.

    `since_step` is the step from which it holds, None where that is not known. `mode` is the id of the mode that shows it. A
    finding that has `passed` is kept with its date, and is never the worst.
    """

    severity: Severity
    title: str
    sentence: str
    advice: str = ""
    evidence: Mapping[str, float | str] = {}
    since_step: int | None = None
    passed: bool = False
    name: str = ""
    mode: str = "overview"

    @property
    def symbol(self) -> str:
        return "·" if self.passed else SYMBOLS[self.severity]

    @property
    def tone(self) -> str:
        """The colour: error, warning or muted."""
        return "muted" if self.passed else TONES[self.severity]

    def record(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "name": self.name,
            "severity": self.severity,
            "title": self.title,
            "sentence": self.sentence,
            "evidence": dict(self.evidence),
            "advice": self.advice,
            "since_step": self.since_step,
            "mode": self.mode,
            "passed": self.passed,
        }


class Rule(NamedTuple):
    """Something that may be wrong with a run; `look` finds it, and its docstring says when it fires, the threshold and the source."""

    name: str
    mode: str
    look: Callable[[RunHistory], Iterator[Finding]]

    def __call__(self, run: RunHistory) -> Iterator[Finding]:
        for found in self.look(run):
            yield found._replace(name=self.name, mode=self.mode)


def rule(name: str, mode: str = "overview") -> Callable[[Callable[[RunHistory], Iterator[Finding]]], Rule]:
    """Declares a rule: its name, kebab-case and stable, and the id of the mode that shows what it finds."""
    return lambda look: Rule(name, mode, look)
