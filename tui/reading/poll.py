"""The one thread that touches files for the screen: it reads, keeps the lease, carries commands out and hears their answers."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.trainer import record
from gradtop.trainer.analysis.event_text import answer_text
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import EventKind, Run, RunReader, RunState
from gradtop.trainer.record.process import ask_by_signal
from gradtop.tui.reading.cores import IdleCores
from gradtop.tui.reading.facts import WatchedRun
from gradtop.tui.reading.log import LogTail
from gradtop.tui.reading.snapshot import NO_LOG, NO_RUN, Facts, LogPart, Request, Snapshot

if TYPE_CHECKING:
    from gradtop.trainer.analysis.index import RunIndex
    from gradtop.trainer.record.pictures import Wanted

TICK = 0.5
SLOWEST = 4.0  # times as long between two looks, where the screen would cost more than its share
SHARE = 0.015  # of one core, for reading and drawing while a run goes on
SPARE = 0.5  # cores: with fewer idle ones it looks half as often, as each time it takes one from the training
SHARE_BUSY = SHARE / 2  # the share then: threads of a training that wait for each other all wait for the one whose core was taken
RATE = 500.0  # bytes a second to the terminal, meanwhile
TICK_ENDED = 1.0
TICK_WAITING = 0.05
LISTING = 0.25  # seconds of one look at the list of runs, of which there may be ten thousand
FIRST_LISTING = 0.1  # of the first one, which the first frame waits for: the newest two thousand
LEASE_EVERY = 2.0
ANSWER_WITHIN = 5.0
PICTURE_WITHIN = 1.0  # seconds for which a picture of weights is waited for after it was asked for; later it comes with a tick


class CommandAnswer(NamedTuple):
    """What became of a command: what the worker said, or why it did not."""

    command: str
    run: str
    ok: bool
    message: str


class Pending(NamedTuple):
    id: str
    command: str
    watch: WatchedRun
    sent: float


class ReadContext:
    """What a mode's `read` may read from: the watched run (None where there is none), its facts, the list of all runs."""

    def __init__(self, runs: Path, clock: Callable[[], float]) -> None:
        self.run: RunReader | None = None
        self.facts = NO_RUN
        self.clock = clock
        self._runs = runs

    @cached_property
    def runs(self) -> RunIndex:
        from gradtop.trainer.analysis.index import RunIndex

        return RunIndex(self._runs, clock=self.clock)


class Poll:
    """Reads for the visible mode only and says nothing when nothing changed.

    `on_snapshot` and `on_answer` are called in the poll thread (in the caller's for a `tick` before it runs). `request`, `send` and `do`
    may be called from any thread and return at once.
    """

    def __init__(
        self,
        runs: Path,
        *,
        on_snapshot: Callable[[Snapshot], None],
        on_answer: Callable[[CommandAnswer], object],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        interval: float = TICK,
        idle_cores: Callable[[], float] | None = None,
    ) -> None:
        self.wake = threading.Event()
        self.name = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._source = ReadContext(runs, clock)
        self._on_snapshot, self._on_answer = on_snapshot, on_answer
        self.clock, self._monotonic, self._interval = clock, monotonic, interval
        self._watch: WatchedRun | None = None
        self._log: LogTail | None = None
        self._request = self._answered = Request()
        self._jobs: deque[Callable[[], object]] = deque()
        self._pending: list[Pending] = []
        self._snapshot = Snapshot()
        self._counts: tuple[object, ...] = ()
        self._leased: tuple[Run, tuple[str, ...], tuple[str, ...], tuple[Wanted, ...]] | None = None
        self._picture_due = 0.0
        self._lease_due = 0.0
        self._lease_trouble = False
        self._tidied: tuple[Run, float] | None = None
        self._spent, self._written, self._answering = 0.0, 0, 0
        self._idle_cores = idle_cores if idle_cores is not None else IdleCores()

    @property
    def runs(self) -> RunIndex:
        """For what is done in the poll thread."""
        return self._source.runs

    # From any thread

    def request(self, request: Request) -> None:
        """Read this from now on; the answer comes at once, to the same question only where there is news."""
        if request != self._request:
            self._request = request
        self.wake.set()

    def send(self, run: Run, command: str, **arguments: object) -> None:
        """Send a command to the run's worker; `on_answer` gets its answer, or why there is none."""
        self.do(lambda: self._send(run, command, arguments))

    def do(self, job: Callable[[], object]) -> None:
        """Carry out something that touches files in the poll thread."""
        self._jobs.append(job)
        self.wake.set()

    def change(self, run: Run, work: Callable[[], None]) -> None:
        """Carry out something that changes a run's directory, and have the list of runs look at it at once."""

        def job() -> None:
            work()
            self._source.runs.look_again(run)

        self.do(job)

    def spend(self, seconds: float, written: int = 0) -> None:
        """So much processor time went into drawing a snapshot, and so many bytes to the terminal."""
        self._spent += seconds
        self._written += written

    # In the poll thread

    def run(self, cancelled: Callable[[], bool]) -> None:
        """Tick until cancelled; `wake` is set by a cancel and by everything that should be looked at now."""
        while not cancelled():
            self.wake.wait(self.tick())
            self.wake.clear()
        self._drop_lease()

    def tick(self, *, keep_lease: bool = True) -> float:
        """Read once and post what changed; returns the seconds until it is worth looking again."""
        begin, is_new = time.thread_time(), self._request is not self._answered
        while self._jobs:
            self._jobs.popleft()()
        request = self._request
        facts = self._read_facts(request)
        snapshot = self._read_part(request, facts)
        log = self._read_log(request)
        if snapshot.log is not log:
            snapshot = snapshot._replace(log=log)
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._on_snapshot(snapshot)
        self._hear_answers()
        if keep_lease:
            self._keep_lease(request, facts)
        if is_new:
            self._answering = 2  # looks; what another mode takes to read and draw says nothing of what its news will
            self._picture_due = self._monotonic() + PICTURE_WITHIN if request.pictures else 0.0
        if self._pending or (facts.run is not None and facts.report is None):
            return min(TICK_WAITING, self._interval)
        if self._monotonic() < self._picture_due and facts.alive:
            return min(TICK_WAITING, self._interval)
        if request.watches_runs and not self._source.runs.is_whole:
            return min(TICK_WAITING, self._interval)  # the next few thousand
        live = facts.alive or (request.watches_runs and self._source.runs.any_alive)
        if not live:
            return max(self._interval, TICK_ENDED)
        self._spent += time.thread_time() - begin
        return self._pause()

    def _pause(self) -> float:
        """How long to rest, by what the last look and its drawing took: the training needs the cores."""
        has_spare = self._idle_cores() >= SPARE
        spent, self._spent = self._spent / (SHARE if has_spare else SHARE_BUSY), 0.0
        least, most = self._interval if has_spare else 2 * self._interval, SLOWEST * self._interval
        if self._answering:
            self._answering -= 1
            self._written = 0
            return self._interval if self._answering else least  # what is measured since a mode is looked at is there after the first
        rest = min(most, max(least, spent, self._written / RATE))
        # What a longest rest does not make up for, the next ones do.
        self._written = min(max(0, self._written - round(rest * RATE)), round(2 * most * RATE))
        return rest

    def _read_facts(self, request: Request) -> Facts:
        if request.run is None:
            self._watch = self._source.run = None
            return NO_RUN
        if self._watch is None or self._watch.run.path != request.run.path:
            self._watch = WatchedRun(request.run, clock=self.clock, monotonic=self._monotonic)
            self._source.run = self._watch.reader
        return self._watch.read()

    def _read_part(self, request: Request, facts: Facts) -> Snapshot:
        source, reader = self._source, self._source.run
        counts: list[object] = [facts.run and facts.run.path]
        if reader is not None:
            for name in request.streams:
                stream = reader.stream(name)
                stream.refresh()
                counts.append(stream.count)
            counts += [len(reader.events), reader.events[-1] if reader.events else None]
        if request.news is not None:
            counts.append(request.news(source))
        grown = tuple(counts) != self._counts
        listed = request.watches_runs and source.runs.refresh(LISTING if len(source.runs) else FIRST_LISTING)
        if not grown and not listed and request is self._answered and facts is source.facts:
            return self._snapshot
        self._counts, self._answered, source.facts = tuple(counts), request, facts
        part = request.read(source, request.view) if request.read is not None else None
        return Snapshot(request.mode, facts, part)

    def _read_log(self, request: Request) -> LogPart:
        if request.log is None:
            self._log = None
            return NO_LOG
        if self._log is None or self._log.run.path != request.log.path:
            self._log = LogTail(request.log, monotonic=self._monotonic)
        return self._log.read()

    # Commands and their answers

    def _send(self, run: Run, command: str, arguments: dict[str, object]) -> None:
        try:
            identity = record.send(run, command, **arguments)
        except OSError as error:
            why = error.strerror or str(error)
            if sent := ask_by_signal(run, record.read_status(run), command):
                self._on_answer(CommandAnswer(command, run.id, True, f"sent as {sent}, as the run's inbox cannot be written ({why})"))
            else:
                self._on_answer(CommandAnswer(command, run.id, False, f"it cannot be written: {why}"))
            return
        watch = self._watch if self._watch is not None and self._watch.run.path == run.path else None
        self._pending.append(Pending(identity, command, watch or WatchedRun(run, clock=self.clock, monotonic=self._monotonic), self._monotonic()))

    def _hear_answers(self) -> None:
        for pending in list(self._pending):
            reader = pending.watch.reader
            if pending.watch is not self._watch:
                reader.refresh()
            answer = next((e for e in reversed(reader.events[-200:]) if e.get("kind") == EventKind.COMMAND and e.get("id") == pending.id), None)
            if answer is not None:
                self._on_answer(CommandAnswer(pending.command, pending.watch.run.id, bool(answer.get("ok")), answer_text(answer)))
            elif self._monotonic() - pending.sent >= ANSWER_WITHIN:
                self._on_answer(CommandAnswer(pending.command, pending.watch.run.id, False, f"no reply after 5 s: {silence(reader)}"))
            else:
                continue
            self._pending.remove(pending)

    # The lease: what the worker should measure because somebody is looking

    def _keep_lease(self, request: Request, facts: Facts) -> None:
        if facts.run is None or not facts.alive or facts.gone:
            self._drop_lease()
            if facts.run is not None and facts.state.has_ended and not facts.gone:
                self._tidy(facts.run)
            return
        wanted = (facts.run, request.measurements, request.parameters, request.pictures)
        if self._leased is not None and self._leased[0].path != facts.run.path:
            self._drop_lease()
        if wanted == self._leased and self._monotonic() < self._lease_due:
            return
        try:
            record.write_lease(facts.run, self.name, request.measurements, request.parameters, request.pictures)
            self._lease_trouble = False
        except OSError as error:
            if not self._lease_trouble:
                self._lease_trouble = True
                why = f"the run directory is not writable ({error.strerror or error}): nothing is measured on demand"
                self._on_answer(CommandAnswer("look", facts.run.id, False, why))
        self._leased, self._lease_due = wanted, self._monotonic() + LEASE_EVERY

    def _tidy(self, run: Run) -> None:
        """Once for a run that is watched, and now and then while it is."""
        from gradtop.trainer.record.lease import STALE, tidy

        if self._tidied is None or self._tidied[0].path != run.path or self._monotonic() - self._tidied[1] >= STALE:
            self._tidied = run, self._monotonic()
            tidy(run, self.clock())

    def _drop_lease(self) -> None:
        if self._leased is None:
            return
        run, self._leased = self._leased[0], None
        try:
            record.drop_lease(run, self.name)
        except OSError:
            return  # it grows stale by itself


def silence(reader: RunReader) -> str:
    """Why a run's worker has not answered, as far as one can see from here."""
    if reader.gone:
        return "the run was deleted"
    reasons = {
        RunState.DIED: "the worker died",
        RunState.SILENT: "the worker does not respond; the command stays in its inbox",
        RunState.STARTING: "the worker is still starting; the command stays in its inbox",
        RunState.TRAINING: "the current step takes longer; the command is applied after it",
    }
    return reasons.get(reader.state, f"the run is {reader.state}")
