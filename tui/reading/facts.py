"""The facts of the watched run, which every mode shows in its header."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gradtop.trainer.analysis.death import how_it_died
from gradtop.trainer.analysis.formatting import coarse_age, moment
from gradtop.trainer.analysis.newest import newest_status
from gradtop.trainer.analysis.pace import Pace, pace_of
from gradtop.trainer.analysis.text import resumes_from
from gradtop.trainer.job import find_job
from gradtop.trainer.record import Run, RunReader, RunState, Status, clean, effective
from gradtop.trainer.record.streams.registry import STEPS, TIME
from gradtop.tui.reading.snapshot import Facts

if TYPE_CHECKING:
    from gradtop.trainer.analysis.findings import Report

LAST_WORDS = 6
NAME, SENTENCE = 80, 1000  # characters
JUDGED_EVERY, JUDGED_SHARE = 2.0, 0.003  # seconds, and of one core: what finding what is wrong may take


class WatchedRun:
    """One watched run; `read` gives the same Facts object as long as nothing a person could see has changed."""

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self.reader = RunReader(run, clock=clock, monotonic=monotonic)
        self._clock, self._monotonic = clock, monotonic
        self._facts: Facts | None = None
        self._moved: float | None = None
        self._judge_at: float | None = None  # not before the first frame
        self._merged: tuple[Mapping[str, Any], Mapping[str, object], Mapping[str, Any]] | None = None

    def read(self) -> Facts:
        reader, old = self.reader, self._facts
        reader.refresh()
        status, state = reader.status, reader.state
        if reader.stream(STEPS).refresh() and old is not None:
            self._moved = self._monotonic()
        status = _plain(newest_status(reader) if state is RunState.DIED else status)
        if old is not None and _still(status) == _still(old.status):
            status = old.status
        death, words, resumes = (old.death, old.last_words, old.resumes_from) if old is not None and old.state == state else ("", (), "")
        if state.went_wrong and not words:
            words = reader.last_log_lines(LAST_WORDS)
        if state.went_wrong and not resumes and find_job(reader.meta.job).resumable:
            resumes = resumes_from(reader)
        pace = pace_of(reader) if state is RunState.TRAINING else Pace()
        facts = Facts(
            run=self.run,
            name=clean(reader.meta.name or self.run.id, NAME),
            state=state,
            status=status,
            meta=reader.meta,
            config=self._config(status.changes),
            age=self._age(status, state),
            left=pace.left,
            slowdown=float(f"{pace.slowdown:.1g}"),
            death=death or how_it_died(self.run, state, reader.status),
            last_words=words,
            resumes_from=resumes,
            gone=reader.gone,
            report=self._judge(state),
        )
        if old is None or facts != old:
            self._facts = old = facts
        return old

    def _judge(self, state: RunState) -> Report | None:
        """The findings, looked for now and then; at once where the run has come into another state."""
        old, now = self._facts, self._monotonic()
        if old is None:
            return None
        if self._judge_at is not None and now < self._judge_at and state is old.state:
            return old.report
        from gradtop.trainer.analysis.findings import report

        began = time.thread_time()
        found = report(self.reader)
        self._judge_at = now + max(JUDGED_EVERY, (time.thread_time() - began) / JUDGED_SHARE)
        return found

    def _config(self, changes: Mapping[str, object]) -> Mapping[str, Any]:
        """run.toml with what was changed live; the same object as long as neither changed."""
        tables = self.reader.config
        if self._merged is None or self._merged[0] is not tables or self._merged[1] != changes:
            self._merged = tables, changes, effective(tables, changes)
        return self._merged[2]

    def _age(self, status: Status, state: RunState) -> str:
        """Since when nothing moved: by our own clock once we saw it move, so that another host's clock cannot lie."""
        if state.has_ended:
            then = status.ended or status.updated
            return f"ended {moment(then, self._clock())}" if then else ""
        if state not in {RunState.TRAINING, RunState.SILENT}:
            return ""
        if self._moved is not None:
            return coarse_age(self._monotonic() - self._moved)
        last = self.reader.stream(STEPS).last()
        return coarse_age(self._clock() - (float(last[TIME]) if last else status.updated))


def _still(status: Status) -> Status:
    """A status without its heartbeat and the cost of monitoring: a mere sign of life is no news."""
    return status._replace(updated=0.0, seconds=0.0, monitoring={})


def _plain(status: Status) -> Status:
    """A status whose texts are safe to draw."""
    error, warning = (clean(text, SENTENCE) for text in (status.error, status.warning))
    return status._replace(error=error, warning=warning, model=clean(status.model, NAME), device=clean(status.device, NAME))
