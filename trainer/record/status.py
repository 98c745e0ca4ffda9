"""status.json, which the worker writes about itself, and the state derived from it: liveness is checked, not taken from the file."""

from __future__ import annotations

import errno
import functools
import json
import math
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.metrics import ACCURACY, LOSS, METRICS, PERPLEXITY, Monitored, headline_of, is_own
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import bounds
from gradtop.trainer.record.events import plain
from gradtop.trainer.record.layout import STATUS, Run
from gradtop.trainer.record.state import ACTIVE, RunState
from gradtop.trainer.record.typed import placed
from gradtop.trainer.record.writing import overwrite, write_atomically

ANY_DEVICE = "auto"  # which one that will be is known when PyTorch is there
SILENT_AFTER = 15.0  # seconds without a heartbeat, where the process exists
DIED_AFTER = 60.0  # the same on another host, where no process can be looked at
CLOCKS_APART = 86400.0  # seconds by which clocks of two hosts may differ: a wrong time zone, not a run of last week
BEATS_WITHIN = {False: 2.0, True: 6.0}  # seconds, of a worker and of a process that waits in the queue
LOOK_EVERY = 0.1
NO_NEW_FILE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM})


class Status(NamedTuple):
    """One moment of a run. Times in unix seconds, `seconds` trained without pauses; `pid_started` in clock ticks since boot.

    `began` is the step at which a fork took over; the steps up to it cost this run no time.
    `not_resumed` is True if the last resume failed before its first step and left the run unchanged; `error` has the reason.
    `queued` is when it was queued (unix seconds), 0 if it is not; `pid` is then that of the waiting process.
    `steps_per_epoch` is 0 while unknown; the last epoch may have fewer steps, if the length is given in steps.
    `stopped_early` is the number of evaluations without a better value of `monitor` after which training ended early; 0 if it did not.
    `skipped_steps` counts the steps that the gradient scaler skipped because a gradient overflowed in fp16.
    `monitor` is the metric that decides which evaluation is the best, `monitor_mode` "min" or "max"; `best`, its value, `val_loss_at_best`,
    `accuracy_at_best` and `metrics_at_best` are of that evaluation, at the end of `best_epoch`. `best_val_loss` and `best_val_accuracy`,
    the lowest and the highest of all, may be of others. `metrics` are those of the newest evaluation beside loss and accuracy, `baselines`
    those that the best constant prediction would have there. `headline` is the metric that stands beside the loss; "" in older runs.
    `test` are the metrics on the held-out test set, loss and accuracy among them, of the checkpoint of `test_step`; empty where there is none, or before the end.
    `tokens_per_sample` is the number of tokens that a sample of a language model has, of a text its characters; 0 for other models.
    `threads` is the number of compute threads on the CPU, 0 while unknown.
    `masked` is the number of weights that a pruning mask keeps at zero.
    `changes` are the hyperparameters changed live, by key; run.toml has the values before.
    `result` is the result of a job other than training, by name.
    `monitoring` is the cost of measuring each stream in the last minute: `STREAM.share` of the time, and `STREAM.every`, the
    seconds between two measurements.
    `preparing` is how far the preparation of the data is: what is `doing`, how much is `done`, `of` how much (0 while unknown), and from
    when (`since`) to when (`at`); empty before and after it.
    """

    state: RunState = RunState.CREATED
    pid: int = 0
    pid_started: float = 0.0
    host: str = ""
    boot: str = ""
    started: float = 0.0
    updated: float = 0.0
    ended: float = 0.0
    seconds: float = 0.0
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    steps_per_epoch: int = 0
    began: int = 0
    stopped_early: int = 0
    skipped_steps: int = 0
    device: str = ""
    model: str = ""
    parameters: int = 0
    masked: int = 0
    samples_per_s: float = 0.0
    tokens_per_sample: int = 0
    headline: str = ""
    loss: float | None = None
    grad_norm: float | None = None
    lr: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    metrics: Mapping[str, object] = {}
    baselines: Mapping[str, object] = {}
    monitor: str = LOSS
    monitor_mode: str = "min"
    best: float | None = None
    best_epoch: int = 0
    val_loss_at_best: float | None = None
    accuracy_at_best: float | None = None
    metrics_at_best: Mapping[str, object] = {}
    best_val_loss: float | None = None
    best_loss_epoch: int = 0
    best_val_accuracy: float | None = None
    best_accuracy_epoch: int = 0
    test: Mapping[str, object] = {}
    test_baselines: Mapping[str, object] = {}
    test_step: int = 0
    error: str = ""
    not_resumed: bool = False
    warning: str = ""
    dropped: int = 0
    queued: float = 0.0
    threads: int = 0
    changes: Mapping[str, object] = {}
    result: Mapping[str, object] = {}
    monitoring: Mapping[str, object] = {}
    preparing: Mapping[str, object] = {}

    @property
    def monitored(self) -> Monitored:
        return Monitored(self.monitor, self.monitor_mode)

    @property
    def beside_loss(self) -> str:
        """The metric that stands beside the loss; of an older run by what it has measured."""
        if self.headline in METRICS or is_own(self.headline):
            return self.headline
        return PERPLEXITY if self.tokens_per_sample else headline_of(self.metrics)

    def metric(self, name: str) -> float | None:
        """Of the newest evaluation; None where it was not measured."""
        return _number({**self.metrics, LOSS: self.val_loss, ACCURACY: self.val_accuracy}.get(name))

    def metric_at_best(self, name: str) -> float | None:
        """Of the best evaluation; None where it was not measured."""
        return _number({**self.metrics_at_best, LOSS: self.val_loss_at_best, ACCURACY: self.accuracy_at_best, self.monitor: self.best}.get(name))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


READS = bounds.reads_of(Status, state=lambda word: RunState(word) if isinstance(word, str) else None)
MAKE = bounds.Maker(Status, READS)
STATE = re.compile(rb'"state"\s*:\s*"([a-z]+)"')
ACTIVE_WORDS = frozenset(state.encode() for state in ACTIVE)
MAPPINGS = frozenset({"changes", "result", "monitoring", "metrics", "metrics_at_best", "baselines", "test", "test_baselines", "preparing"})


def write_status(run: Run, status: Status) -> None:
    """Replace status.json atomically; overwrite it in place where the disk is full or no file can be created. Raises OSError."""
    # JSON has no NaN: a value that is not finite is written as a word that float() reads.
    values = {
        name: plain(value) if name in MAPPINGS else str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name in READS
        for value in (getattr(status, name),)
    }
    text = json.dumps(values)
    try:
        write_atomically(run.path, run.status, text)
    except OSError as error:
        if error.errno not in NO_NEW_FILE:
            raise
        overwrite(run.path, run.status, text)


def read_status(run: Run) -> Status:
    """The status; defaults for missing or invalid fields, or if status.json is missing.

    The state of a run whose status.json cannot be read is `unknown`.
    """
    return examine_status(run)[0]


def load_status(run: Run) -> Status | None:
    """The status; None where status.json is missing or invalid."""
    status, why = examine_status(run)
    return None if why else status


def may_be_active(run: Run) -> bool:
    """Whether status.json may hold an active state. Searches the text instead of parsing it, in a third of the time of `read_status`: for lists of many runs."""
    try:
        data = bounds.read_bytes(run.file(STATUS), bounds.NOTE)
    except bounds.Unreadable:
        return False
    found = STATE.search(data)
    return found is None or found[1] in ACTIVE_WORDS


def examine_status(run: Run) -> tuple[Status, str]:
    """The status as in `read_status`, and why it cannot be read: "" where it can."""
    return examine_seen_status(run)[:2]


def examine_seen_status(run: Run) -> tuple[Status, str, os.stat_result | None]:
    """As `examine_status`, and the stat of the file from before it was read; None where it cannot be read."""
    try:
        found, seen = bounds.read_seen_note(run.file(STATUS))
    except bounds.Unreadable as error:
        missing = isinstance(error.__cause__, FileNotFoundError)
        return Status(state=RunState.CREATED if missing else RunState.UNKNOWN), str(error), None
    status = parse_status(found)
    if status.error or status.warning:
        status = status._replace(error=placed(status.error, run), warning=placed(status.warning, run))
    return status, "", seen


def parse_status(found: Mapping[str, Any]) -> Status:
    status = MAKE(found)
    if status.best is None and status.best_val_loss is not None and status.monitor == LOSS:
        # A status of before this field, when the loss alone decided.
        status = status._replace(best=status.best_val_loss, val_loss_at_best=status.best_val_loss, best_loss_epoch=status.best_epoch)
    if not status.steps_per_epoch and status.epochs > 0 and status.steps > 0:
        # A status of before this field; exact where the run trains whole epochs.
        return status._replace(steps_per_epoch=-(-status.steps // status.epochs))
    return status


def process_start(pid: int) -> float:
    """Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); 0.0 if it does not exist, is a zombie, or there is no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
        return 0.0 if fields[0] in {b"Z", b"X"} else float(fields[19])
    except (OSError, IndexError, ValueError):
        return 0.0


@functools.cache
def boot_id() -> str:
    """Boot id and PID namespace, as `boot/namespace`; "" where the system has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def this_host() -> tuple[str, str]:
    """Host name and boot id, which tell whether a recorded pid is one of this host."""
    return os.uname().nodename, boot_id()


def is_alive(status: Status) -> bool | None:
    """Whether the worker's process exists; None if it runs on another host."""
    host, boot = this_host()
    if status.host != host:
        return None
    if status.boot and boot and status.boot != boot:
        # In another container of this start of the machine, or before the machine was started anew.
        return None if status.boot.partition("/")[0] == boot.partition("/")[0] else False
    if status.pid <= 0:
        return False
    if os.path.exists("/proc/self/stat"):
        start = process_start(status.pid)
        return start > 0 and (status.pid_started <= 0 or start == status.pid_started)
    try:
        os.kill(status.pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def derive_state(status: Status, *, now: float, heartbeat_seen: float | None = None) -> RunState:
    """The actual state: `died` if a run is active and its process does not exist, `silent` if it has no recent heartbeat.

    `heartbeat_seen` is the time, by the clock of `now`, at which the caller last saw the heartbeat change: then neither clock
    jumps nor another host's clock matter. On another host a run has died if its heartbeat has not changed for 60 s.
    """
    if not status.state.is_active:
        return status.state
    alive = is_alive(status)
    if alive is False:
        return RunState.DIED
    age = now - (status.updated if heartbeat_seen is None else heartbeat_seen)
    if alive is None:
        return RunState.DIED if age > DIED_AFTER else status.state
    return RunState.SILENT if age > SILENT_AFTER else status.state


def is_doubtful(status: Status, now: float) -> bool:
    """Whether a heartbeat of another host lies so far from this host's clock that only a second look tells whether the run is alive."""
    return status.state.is_active and (DIED_AFTER < now - status.updated < CLOCKS_APART or now < status.updated - DIED_AFTER) and is_alive(status) is None


def is_beating(run: Run, status: Status) -> bool:
    """Whether a run of another host is alive, whatever that host's clock says: waits for its heartbeat to change if it seems old.

    Call it before what must not be done to a live run. Blocks for up to 2 s, for a queued run 6 s.
    """
    if abs(time.time() - status.updated) < DIED_AFTER:
        return True
    until = time.monotonic() + BEATS_WITHIN[status.state is RunState.QUEUED]
    while time.monotonic() < until:
        time.sleep(LOOK_EVERY)
        now = read_status(run)
        if now.updated != status.updated:
            return now.state.is_active
    return False
