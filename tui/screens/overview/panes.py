"""The panes of words: what is wrong, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.event_text import EventLine
from gradtop.trainer.analysis.formatting import number, significant
from gradtop.trainer.analysis.sample_text import sample_parts, sample_title
from gradtop.trainer.record import clean
from gradtop.tui import keys
from gradtop.tui.reading.snapshot import Facts
from gradtop.tui.widgets.entries import Entries, Entry

if TYPE_CHECKING:
    from gradtop.trainer.analysis.findings import Finding
    from gradtop.trainer.record.samples import TextSample

LONGEST = 400  # characters of what a finding says
NOT_YET = "not enough steps yet to say"
NO_SAMPLE = "the first text follows at the end of the epoch"
NOTHING = "nothing wrong was found"


class Findings(Entries):
    """What is wrong, the worst first; the chosen one with its evidence, what to do about it, and the mode that shows it."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, telling=True)
        self._findings: Sequence[Finding] = ()

    def show_report(self, facts: Facts) -> None:
        report = facts.report
        if report is None:
            return  # a moment later
        self._findings = report.findings
        all_clear = [Entry(" ✓ ", "success", report.all_clear())] if report.healthy else []
        self.show([*all_clear, *map(finding_entry, report.findings)], NOT_YET if facts.alive else NOTHING)

    @property
    def finding(self) -> Finding | None:
        """The chosen one."""
        place = self.index - (len(self._all) - len(self._findings))
        return self._findings[place] if 0 <= place < len(self._findings) else None


def sample_entry(sample: TextSample) -> Entry:
    """Epoch and loss, and below them prompt and text."""
    prompt, text = sample_parts(sample)
    return Entry(" ", "muted", sample_title(sample), "muted", body=((prompt, "primary"), (text, "text"), ("\n", "text")))


def finding_entry(finding: Finding) -> Entry:
    evidence = "   ".join(f"{name.replace('_', ' ')} {figure(value)}" for name, value in finding.evidence.items())
    more = [(clean(text, LONGEST), tone) for text, tone in ((evidence, "muted"), (finding.advice, "primary")) if text]
    if finding.mode != keys.MODES[0].name:
        mode = keys.mode_named(finding.mode)
        more.append((f"{keys.name(f'mode.{mode.name}')} {mode.title} shows it", "muted"))
    return Entry(f" {finding.symbol} ", finding.tone, clean(finding.sentence, LONGEST), "muted" if finding.passed else "text", tuple(more))


def figure(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return number(int(value)) if value == value and abs(value) < 1e15 and value == int(value) else significant(value)


def event_entry(event: EventLine) -> Entry:
    return Entry(f" {event.clock}  ", "muted", event.text, event.tone)
