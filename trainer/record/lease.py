"""Leases: notes that say what each open screen shows right now, so that the worker measures what somebody looks at."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.record.layout import Run, write_atomically

VALID = 6.0


@dataclass(frozen=True, slots=True)
class Lease:
    """What all screens together show: panes by name, layers by parameter name."""

    panes: frozenset[str] = frozenset()
    layers: frozenset[str] = frozenset()


NO_LEASE = Lease()


def write_lease(run: Run, screen: str, panes: Sequence[str], layers: Sequence[str] = ()) -> None:
    """Say what a screen shows; renewed every two seconds; raises OSError."""
    run.leases.mkdir(mode=0o700, exist_ok=True)
    write_atomically(run.leases / f"{screen}.json", json.dumps({"panes": list(panes), "layers": list(layers)}))


def drop_lease(run: Run, screen: str) -> None:
    """Say that a screen is gone; raises OSError, but not where there is nothing to drop."""
    try:
        os.unlink(run.leases / f"{screen}.json")
    except FileNotFoundError:
        return


def read_leases(run: Run, now: float) -> Lease:
    """What is looked at: the notes of the own user that are younger than six seconds by the file's own time."""
    panes: set[str] = set()
    layers: set[str] = set()
    try:
        with os.scandir(run.leases) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.name.endswith(".json"):
                    continue
                found = entry.stat(follow_symlinks=False)
                if abs(now - found.st_mtime) > VALID or found.st_uid != os.geteuid() or not entry.is_file(follow_symlinks=False):
                    continue
                try:
                    with open(entry.path, "rb") as file:
                        note = json.loads(file.read(1 << 20))
                    panes.update(str(pane) for pane in note.get("panes", ()))
                    layers.update(str(layer) for layer in note.get("layers", ()))
                except (OSError, ValueError, TypeError, AttributeError, RecursionError):
                    continue  # a note that cannot be read asks for nothing
    except OSError:
        return NO_LEASE
    return Lease(frozenset(panes), frozenset(layers)) if panes or layers else NO_LEASE
