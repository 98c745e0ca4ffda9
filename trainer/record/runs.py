"""The runs directory: listing, finding by what a user types, renaming, and the trash."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

from trainer.record.errors import AmbiguousRun, RecordError, RunBusy, RunNotFound
from trainer.record.layout import Run
from trainer.record.meta import read_meta, write_meta
from trainer.record.status import ACTIVE, derive_state, read_status

TRASH = ".trash"


def list_runs(runs: Path) -> list[Run]:
    """All runs, newest first (their ids begin with the time); a directory is a run when it has a run.toml or a status.json."""
    try:
        with os.scandir(runs) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return []
    found = [Run(runs / name) for name in sorted(names, reverse=True)]
    return [run for run in found if run.config.exists() or run.status.exists()]


def find_run(runs: Path, reference: str) -> Run:
    """The run that an id, a name, a unique prefix of either, a path, or `last` means."""
    if os.sep in reference or reference in {".", ".."}:
        run = Run(reference)
        if run.config.exists() or run.status.exists():
            return run
        raise RunNotFound(f"{reference}: no run there: it has neither run.toml nor status.json.")
    known = list_runs(runs)
    if not known:
        raise RunNotFound(f"No runs in {runs}. Start one with gradtop train, or name another place with --runs.")
    if reference == "last":
        return known[0]
    for run in known:
        if run.id == reference:
            return run
    names = {run: read_meta(run).name for run in known}
    exact = [run for run in known if names[run] == reference]
    matches = exact or [run for run in known if run.id.startswith(reference) or names[run].startswith(reference)]
    if len(matches) == 1 and reference:
        return matches[0]
    if not matches:
        newest = ", ".join(names[run] for run in known[:3])
        raise RunNotFound(f"No run {reference!r} in {runs}. The newest: {newest}; gradtop ls shows all.")
    several = ", ".join(run.id for run in matches[:5]) + (", …" if len(matches) > 5 else "")
    raise AmbiguousRun(f"{reference!r} means {len(matches)} runs: {several}. Type more of the id.")


def rename_run(run: Run, name: str) -> None:
    """Give a run another name; its directory and id stay, so that a worker and other screens do not lose it."""
    name = name.strip()
    if not name or name != "".join(c for c in name if c.isprintable() and c not in "/\\") or len(name) > 60 or name == "last":
        raise RecordError("A name has 1 to 60 printable characters, no slash, and is not 'last'.")
    try:
        write_meta(run, dataclasses.replace(read_meta(run), name=name))
    except OSError as error:
        raise RecordError(f"{run.meta}: cannot be written: {error.strerror}.") from None


def trash_run(run: Run) -> Path:
    """Move a run into the trash folder of its runs directory and return where it is now; refused while it is alive."""
    state = derive_state(read_status(run), now=time.time())
    if state in ACTIVE or state == "silent":
        raise RunBusy(f"{run.id} is {state}: stop it first.")
    trash = run.path.parent / TRASH
    target = trash / run.id
    try:
        trash.mkdir(mode=0o700, exist_ok=True)
        number = 1
        while target.exists():
            number += 1
            target = trash / f"{run.id}.{number}"
        os.rename(run.path, target)
    except OSError as error:
        raise RecordError(f"{run.id} cannot be moved to {trash}: {error.strerror}.") from None
    return target
