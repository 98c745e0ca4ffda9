"""Leases: files in which each open screen lists the measurements it shows, so that the worker takes these more often."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record.files import read_file
from gradtop.trainer.record.layout import Run
from gradtop.trainer.record.pictures import Wanted
from gradtop.trainer.record.writing import make_folder, remove, remove_leftovers, unlink, write_atomically

VALID = 6.0  # seconds; screens renew their note every two
STALE = 600.0  # seconds: more than hosts' clocks differ
LARGEST = 1 << 20


class Lease(NamedTuple):
    """What all screens show together: measurements (`Measurement`), parameters by name, and pictures of weights."""

    measurements: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    pictures: frozenset[Wanted] = frozenset()


NO_LEASE = Lease()


def write_lease(
    run: Run, screen: str, measurements: Sequence[str], parameters: Sequence[str] = (), pictures: Sequence[Wanted] = ()
) -> None:
    """Write the lease of a screen: measurements, names of parameters, and pictures. Raises OSError."""
    make_folder(run.path, run.leases)
    note = {"measurements": list(measurements), "parameters": list(parameters), "pictures": [each.to_json() for each in pictures]}
    write_atomically(run.path, run.leases / f"{screen}.json", json.dumps(note))


def drop_lease(run: Run, screen: str) -> None:
    """Remove the lease of a screen, if there is one. Raises OSError."""
    unlink(run.path, run.leases / f"{screen}.json")


def remove_stale_leases(run: Run, now: float) -> None:
    """Remove leases that screens which were killed have left."""
    try:
        with os.scandir(run.leases) as entries:
            stale = [entry.name for entry in entries if entry.name.endswith(".json") and _age(entry, now) > STALE]
    except OSError:
        return
    for name in stale:
        remove(run.path, run.leases / name)


def tidy(run: Run, now: float) -> None:
    """Remove what killed processes have left in a run of the own user that has no worker: it does so itself while there is one."""
    with suppress(OSError):
        if os.stat(run.path).st_uid == os.geteuid():
            remove_leftovers(run.path, now)
            remove_stale_leases(run, now)


def read_leases(run: Run, now: float) -> Lease:
    """The union of all valid leases: owned by this user, modified within 6 s of `now` (unix seconds)."""
    measurements: set[str] = set()
    parameters: set[str] = set()
    pictures: set[Wanted] = set()
    for note in _notes(run, now):
        measurements.update(_names(note.get("measurements")))
        parameters.update(_names(note.get("parameters")))
        found = note.get("pictures")
        pictures.update(each for one in (found if isinstance(found, list) else []) if (each := Wanted.from_json(one)) is not None)
    if not (measurements or parameters or pictures):
        return NO_LEASE
    return Lease(frozenset(measurements), frozenset(parameters), frozenset(pictures))


def _notes(run: Run, now: float) -> Iterator[dict[str, object]]:
    try:
        with os.scandir(run.leases) as entries:
            paths = [e.path for e in entries if e.name.endswith(".json") and not e.name.startswith(".") and _age(e, now) <= VALID]
    except OSError:
        return
    for path in paths:
        try:
            note = json.loads(read_file(path, limit=LARGEST, own=True))
        except (OSError, ValueError, RecursionError):
            continue  # a note that cannot be read asks for nothing
        if isinstance(note, dict):
            yield note


def _age(entry: os.DirEntry[str], now: float) -> float:
    """Seconds since the file was modified; the absolute difference if its time is ahead of a clock that was set back."""
    try:
        return abs(now - entry.stat(follow_symlinks=False).st_mtime)
    except OSError:
        return 0.0


def _names(found: object) -> list[str]:
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
