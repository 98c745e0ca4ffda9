"""The conditions of `gradtop wait --until`: parsed, and looked for in what a run records."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.run_filter import ORDERS, number_of
from gradtop.trainer.metrics import METRICS, is_own
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EventKind, RunState, clean
from gradtop.trainer.record.streams.registry import EVALS, REGISTRY, STEPS, shown_by, without_parameter
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.output import figure

if TYPE_CHECKING:
    from gradtop.trainer.record import RunReader

WRITTEN = re.compile(r"([A-Za-z_][\w./@-]*)(!=|<=|>=|[:=<>])(.+)", re.DOTALL)
EPOCH, STEP, STATE, FINDING = "epoch", "step", "state", "finding"
ENDED = "ended"
BINS = 100  # of a curve, whose lowest and highest values are looked at
HINT = "such as epoch=5, val_loss<0.1, finding:error or state:done"


class RunCondition(NamedTuple):
    """`number` is what a count or a metric is compared with, `word` the state or finding."""

    text: str
    key: str
    order: str
    word: str
    number: float = 0.0

    def met(self, reader: RunReader) -> str:
        """What makes it hold, in words; "" where nothing does. For a caller that has refreshed the reader."""
        if self.key == STATE:
            holds = reader.state.has_ended if self.word == ENDED else reader.state == self.word
            return f"state {reader.state}" if holds else ""
        if self.key == FINDING:
            return self._found(reader)
        if self.key == EPOCH:
            done = epochs_done(reader)
            return f"epoch {done}" if done >= self.number else ""
        if self.key == STEP:
            return f"step {reader.status.step}" if reader.status.step >= self.number else ""
        return self._recorded(reader)

    def _found(self, reader: RunReader) -> str:
        from gradtop.trainer.analysis.findings import report

        return next((clean(each.sentence, 300) for each in report(reader).findings if not each.passed and self.word in {each.severity, each.name}), "")

    def _recorded(self, reader: RunReader) -> str:
        """By the lowest and the highest of all recorded values, so that none is missed between two looks."""
        from gradtop.tui.reading.metrics import all_metrics

        metric = all_metrics(reader).get(self.key)
        if metric is None:
            return ""
        series = metric.stream.series(metric.column, bins=BINS)
        values = [value for value in (series.low if self.order in {"<", "<="} else series.high) if math.isfinite(value)]
        extreme = (min if self.order in {"<", "<="} else max)(values, default=math.nan)
        return f"{self.key} {figure(extreme)}" if ORDERS[self.order](extreme, self.number) else ""


def epochs_done(reader: RunReader) -> int:
    """How many epochs have ended."""
    found = (event.get(EPOCH) for event in reversed(reader.events) if event["kind"] == EventKind.EPOCH)
    return next((epoch for epoch in found if isinstance(epoch, int)), 0)


def parse_condition(text: str, readers: Sequence[RunReader] = ()) -> RunCondition:
    """For these runs, some of which may measure what is declared nowhere. Raises UsageError with what is wrong."""
    found = WRITTEN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{clean(text, 60)!r} is not a condition, {HINT}")
    key, order, value = found[1], found[2], found[3].strip()
    if key in {STATE, FINDING}:
        require_known(key, order, value)
        return RunCondition(text, key, order, value)
    number = number_of(value)
    if number is None or math.isnan(number):
        raise UsageError(f"{clean(key, 60)}{order} is followed by a number, not {clean(value, 40)!r}")
    if key in {EPOCH, STEP}:
        if order not in {"=", ":", ">="}:
            raise UsageError(f"{key} only grows: write {key}={clean(value, 40)}, which holds from there on")
        return RunCondition(text, key, ">=", "", number)
    if order not in ORDERS:
        raise UsageError(f"{clean(key, 60)} is measured: compare it by <, <=, > or >=, not {order}")
    if without_parameter(key.partition("@")[0]) not in metric_names() and not (is_own(key) and any(map(measures_own, readers))):
        raise UsageError(f"there is no metric {clean(key, 60)!r}{near(key, sorted(metric_names())) or recorded_names(readers)}")
    return RunCondition(text, key, order, "", number)


def require_known(key: str, order: str, value: str) -> None:
    """Raises UsageError where no run can be in this state or have this finding."""
    if order not in {":", "="}:
        raise UsageError(f"{key} is followed by a colon, such as {key}:{'done' if key == STATE else 'error'}")
    names = states() if key == STATE else findings()
    if value not in names:
        what = "state of a run" if key == STATE else "finding or severity"
        there = f". Available: {', '.join(names)}" if key == STATE else f". Available: {', '.join(severities())}, and those that gradtop help findings lists"
        raise UsageError(f"{clean(value, 40)!r} is no {what}{near(value, names) or there}")


def near(word: str, names: Sequence[str]) -> str:
    """A name that may have been meant; "" where none is like it."""
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def recorded_names(readers: Sequence[RunReader]) -> str:
    """What the runs have recorded so far; "" where that is nothing."""
    from gradtop.tui.reading.metrics import all_metrics, measured

    found = dict.fromkeys(name for reader in readers for name in measured(all_metrics(reader, (STEPS, EVALS))))
    return f". Recorded so far: {', '.join(found)}" if found else ""


def states() -> list[str]:
    return [*(str(state) for state in RunState if state is not RunState.UNKNOWN), ENDED]


def severities() -> list[str]:
    from gradtop.trainer.analysis.findings import Severity

    return [*map(str, Severity)]


def findings() -> list[str]:
    from gradtop.trainer.analysis.findings.rules import RULES

    return [*severities(), *dict.fromkeys(rule.name for rule in RULES)]


def measures_own(reader: RunReader) -> bool:
    """Whether evaluations of a run may have metrics that are declared nowhere."""
    from gradtop.trainer.config.config import may_measure_own

    return may_measure_own(reader.config)


@cache
def metric_names() -> frozenset[str]:
    """Those that a run can record, without parameters."""
    names = {*METRICS}
    for stream in map(REGISTRY.__getitem__, shown_by("plot")):
        names |= {(stream.metrics or {}).get(column.name, column.name) for column in stream.columns}
    return frozenset(names - {""})
