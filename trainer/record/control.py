"""The control inbox: one file per command, created by rename, removed when it was carried out; the answer is an event."""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from trainer.record.events import Event, EventReader, plain
from trainer.record.layout import Run, write_atomically

LARGEST = 1 << 20
FRESH = 2_000_000_000  # ns within which another command may have come in the same tick of the file system's clock


@dataclass(frozen=True, slots=True)
class Command:
    id: str
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    sent: float = 0.0


def send(run: Run, command: str, **arguments: object) -> str:
    """Put a command into the inbox and return its id; raises OSError."""
    moment = time.time()
    identity = f"{time.time_ns():020d}-{secrets.token_hex(4)}"  # sorts by time
    body = {"id": identity, "command": command, "arguments": plain(arguments), "sent": moment}
    run.control.mkdir(mode=0o700, exist_ok=True)
    write_atomically(run.control / f"{identity}.json", json.dumps(body))
    return identity


class Inbox:
    """The worker's side: obeys only plain files of its own user; one stat where nothing is new."""

    def __init__(self, run: Run) -> None:
        self._folder = run.control
        self._seen = -1

    def poll(self) -> list[Command]:
        """New commands in the order they were sent; each is returned until `done` removed it."""
        try:
            modified = os.stat(self._folder).st_mtime_ns
            if modified == self._seen:
                return []
            names = sorted(name for name in os.listdir(self._folder) if name.endswith(".json") and not name.startswith("."))
        except OSError:
            return []
        # Looked at too soon after a change, the same time stamp could hide the next one.
        self._seen = modified if time.time_ns() - modified > FRESH else -1
        return [command for name in names if (command := self._read(name)) is not None]

    def _read(self, name: str) -> Command | None:
        path = self._folder / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with open(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > LARGEST:
                return None
            try:
                body = json.loads(file.read(LARGEST))
                arguments = body.get("arguments") or {}
                return Command(name.removesuffix(".json"), str(body["command"]), dict(arguments), float(body.get("sent") or 0.0))
            except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
                return Command(name.removesuffix(".json"), "", {}, 0.0)  # answered as a command that nobody knows

    def done(self, command: Command) -> None:
        """Remove a command that was answered."""
        try:
            os.unlink(self._folder / f"{command.id}.json")
        except OSError:
            return  # a read-only or deleted directory: the worker remembers what it answered


def wait_for_answer(run: Run, identity: str, timeout: float) -> Event | None:
    """The event that answers a command; None when none came in time."""
    reader, until = EventReader(run), time.monotonic() + timeout
    while True:
        for event in reader.refresh():
            if event["kind"] == "command" and event.get("id") == identity:
                return event
        if time.monotonic() >= until:
            return None
        time.sleep(0.02)
