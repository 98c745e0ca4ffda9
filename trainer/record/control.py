"""The control inbox: one file per command, created by rename, removed once it is executed; the answer is an event."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from gradtop.trainer.record.events import Event, EventKind, EventReader, plain
from gradtop.trainer.record.files import Stamp, read_file
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.reserve import write_in_any_case
from gradtop.trainer.record.writing import make_folder, remove, write_atomically

LARGEST = 1 << 20
LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Command:
    """A command; `sent` in unix seconds of the sender's clock, the name "" if its file is invalid."""

    id: str
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    sent: float = 0.0


def send(run: Run, command: str, **arguments: object) -> str:
    """Write a command to the inbox; returns its id. Raises OSError."""
    identity = f"{time.time_ns():020d}-{os.urandom(4).hex()}"  # sorts by time
    body = {"command": command, "arguments": plain(arguments), "sent": time.time()}
    make_folder(run.path, run.control)
    write_in_any_case(run, lambda: write_atomically(run.path, run.control / f"{identity}.json", json.dumps(body)))
    return identity


class Inbox:
    """The worker's side: reads only regular files of its own user; one stat of the folder where nothing has changed."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._stamp = Stamp()

    def poll(self) -> list[Command]:
        """Pending commands in the order in which they were sent; each is returned again until `done` removes it."""
        try:
            folder = os.open(self.run.control, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return []
        try:
            if not self._stamp.moved(os.fstat(folder)):
                return []
            names = sorted(name for name in os.listdir(folder) if name.endswith(".json") and not name.startswith("."))
            return [command for name in names if (command := _read(name, folder)) is not None]
        except OSError:
            return []
        finally:
            os.close(folder)

    def done(self, command: Command) -> None:
        """Remove a command that was answered. In a read-only directory its file stays, and the worker remembers its answer."""
        remove(self.run.path, self.run.control / f"{command.id}.json")


def _read(name: str, folder: int) -> Command | None:
    """The command in a file; None for a link, a file of another user, or one that was removed."""
    try:
        data = read_file(name, limit=LARGEST, own=True, folder=folder)
    except OSError:
        return None
    identity = name.removesuffix(".json")
    try:
        body = json.loads(data)
        arguments, sent = body.get("arguments") or {}, body.get("sent") or 0.0
        return Command(identity, str(body["command"]), dict(arguments), float(sent))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return Command(identity, "")


def wait_for_answer(run: Run, identity: str, timeout: float) -> Event | None:
    """The event that answers a command; None after `timeout` seconds."""
    reader, until = EventReader(run), time.monotonic() + timeout
    while True:
        for event in reader.refresh():
            if event["kind"] == EventKind.COMMAND and event.get("id") == identity:
                return event
        if time.monotonic() >= until:
            return None
        time.sleep(LOOK_EVERY)
