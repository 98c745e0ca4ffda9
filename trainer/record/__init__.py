"""The run directory: all communication between a worker and the readers of its run. Standard library only.

One line of NumPy reads a segment of a stream, with the columns from its JSON::

    np.fromfile("runs/ID/streams/steps.0.bin").reshape(-1, len(columns))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gradtop.trainer.record.effective import effective
from gradtop.trainer.record.errors import AmbiguousRun, RecordError, RunBusy, RunNotFound
from gradtop.trainer.record.events import Event, EventKind, EventReader, append_event
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.meta import Meta, RecordedChange, is_fork, read_meta, write_meta
from gradtop.trainer.record.run_reader import RunReader
from gradtop.trainer.record.runs import find_run, list_runs, rename_run, require_name, trash_run
from gradtop.trainer.record.state import RunState
from gradtop.trainer.record.status import (
    Status,
    derive_state,
    is_alive,
    process_start,
    read_status,
    this_host,
    write_status,
)
from gradtop.trainer.record.streams.reader import Record, StreamReader, list_ranks, list_streams
from gradtop.trainer.record.streams.registry import Column
from gradtop.trainer.record.streams.segment_writer import SegmentWriter
from gradtop.trainer.record.streams.series import EMPTY_SERIES, Series
from gradtop.trainer.record.text import clean

if TYPE_CHECKING:
    from gradtop.trainer.record.checkpoints import CheckpointInfo
    from gradtop.trainer.record.control import Command, Inbox, send, wait_for_answer
    from gradtop.trainer.record.creation import new_run
    from gradtop.trainer.record.labels import label_run, require_note, require_tags
    from gradtop.trainer.record.lease import Lease, drop_lease, read_leases, write_lease
    from gradtop.trainer.record.queue import QueuedRun, queue_order, queued_runs, requested_device
    from gradtop.trainer.record.streams.writer import StreamWriter
else:
    # Looked up when first asked for: to show a run, nothing of this is needed, and the screen should open at once.
    LATER = {
        "checkpoints": ("CheckpointInfo",),
        "control": ("Command", "Inbox", "send", "wait_for_answer"),
        "creation": ("new_run",),
        "labels": ("label_run", "require_note", "require_tags"),
        "lease": ("Lease", "drop_lease", "read_leases", "write_lease"),
        "queue": ("QueuedRun", "requested_device", "queue_order", "queued_runs"),
        "streams.writer": ("StreamWriter",),
    }

    def __getattr__(name: str) -> object:
        module = next((module for module, names in LATER.items() if name in names), None)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value


__all__ = [
    "EMPTY_SERIES",
    "AmbiguousRun",
    "CheckpointInfo",
    "Column",
    "Command",
    "Event",
    "EventKind",
    "EventReader",
    "Inbox",
    "Lease",
    "Meta",
    "QueuedRun",
    "Record",
    "RecordError",
    "RecordedChange",
    "Run",
    "RunBusy",
    "RunNotFound",
    "RunReader",
    "RunState",
    "SegmentWriter",
    "Series",
    "Status",
    "StreamReader",
    "StreamWriter",
    "append_event",
    "clean",
    "derive_state",
    "drop_lease",
    "effective",
    "find_run",
    "is_alive",
    "is_fork",
    "label_run",
    "list_ranks",
    "list_runs",
    "list_streams",
    "new_run",
    "process_start",
    "queue_order",
    "queued_runs",
    "read_leases",
    "read_meta",
    "read_status",
    "rename_run",
    "requested_device",
    "require_name",
    "require_note",
    "require_tags",
    "send",
    "this_host",
    "trash_run",
    "wait_for_answer",
    "write_lease",
    "write_meta",
    "write_status",
]
