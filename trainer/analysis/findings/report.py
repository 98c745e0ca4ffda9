"""All that is wrong with a run, the worst first."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from gradtop.trainer.analysis.findings.finding import Finding, Severity
from gradtop.trainer.analysis.findings.history import RunHistory
from gradtop.trainer.analysis.findings.rules import RULES
from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import RunReader
from gradtop.trainer.record.state import WENT_WRONG
from gradtop.trainer.record.streams.registry import ACTIVATIONS, EVALS, LAYERS, PLAN, STEPS, SYSTEM

READS = (STEPS, EVALS, LAYERS, ACTIVATIONS, SYSTEM, PLAN)  # the streams that rules read
ENDINGS = frozenset(state.value for state in WENT_WRONG)  # findings that tell how a run ended have the name of its state
ENOUGH = 20  # steps before a run can be called healthy


class Report(NamedTuple):
    """The findings in the order of harm: errors, warnings, notes, and last those that have passed.

    `healthy` says that nothing is wrong, where measurements suffice to say so; `steps` is over how many.
    """

    findings: tuple[Finding, ...] = ()
    healthy: bool = False
    steps: int = 0

    @property
    def present(self) -> tuple[Finding, ...]:
        """Those that are wrong now: without notes and without what has passed."""
        return tuple(finding for finding in self.findings if not finding.passed and finding.severity is not Severity.NOTE)

    @property
    def worst(self) -> Finding | None:
        return next(iter(self.present), None)

    @property
    def problem_count(self) -> int:
        return len(self.present)

    def text(self) -> str:
        """In a few words: ✓ nothing wrong; ▲ loss spike at 812 · 2 more; "" where it is too early to say."""
        if (worst := self.worst) is not None:
            return f"{worst.symbol} {worst.title}{f' · {self.problem_count - 1} more' if self.problem_count > 1 else ''}"
        return "✓ nothing wrong" if self.healthy else ""

    def cell(self) -> str:
        """The same in a table: ▲ loss spike at 812 +2."""
        worst = self.worst
        return f"{worst.symbol} {worst.title}{f' +{self.problem_count - 1}' if self.problem_count > 1 else ''}" if worst is not None else self.text()

    def besides_the_ending(self) -> Report:
        """The other findings, for where it is said already that the run failed or died; never that it is healthy then."""
        others = tuple(finding for finding in self.findings if finding.name not in ENDINGS)
        return self if len(others) == len(self.findings) else self._replace(findings=others)

    @property
    def tone(self) -> str:
        """The colour of the text: error, warning, success or muted."""
        return self.worst.tone if self.worst is not None else "success" if self.healthy else "muted"

    def all_clear(self) -> str:
        """A sentence where nothing is wrong: nothing wrong in 480 steps; "" where something is, or it is too early."""
        return f"nothing wrong in {number(self.steps)} steps" if self.healthy else ""


EMPTY = Report()
SEVERITIES = tuple(Severity)


def report(reader: RunReader) -> Report:
    """The findings of a run, for a caller that has refreshed the reader; refreshes the streams that rules read. Asked again, it is kept until there is news."""
    for name in READS:
        reader.stream(name).refresh()
    known = _kept.get(reader)
    seen = (reader.state, reader.status, reader.config, len(reader.events), reader.rare, *(reader.stream(name).count for name in READS))
    if known is None or known[0] != seen:
        known = _kept[reader] = (seen, judge(RunHistory(reader)))
    return known[1]


def judge(run: RunHistory) -> Report:
    """What the rules say of a run."""
    found = [(finding.passed, SEVERITIES.index(finding.severity), place, finding) for place, rule in enumerate(RULES) for finding in rule(run)]
    findings = tuple(entry[3] for entry in sorted(found, key=lambda entry: entry[:3]))
    steps = run.steps.count
    wrong = any(not finding.passed and finding.severity is not Severity.NOTE for finding in findings)
    return Report(findings, healthy=not wrong and steps >= ENOUGH, steps=steps)


_kept: WeakKeyDictionary[RunReader, tuple[tuple[object, ...], Report]] = WeakKeyDictionary()
