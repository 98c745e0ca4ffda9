"""The runs directory: listing runs, finding one by a user's reference, renaming, and the trash."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TypeAlias

from gradtop.trainer.record.errors import AmbiguousRun, RecordError, RunBusy, RunNotFound
from gradtop.trainer.record.layout import CONFIG, STAMP, STATUS, Run
from gradtop.trainer.record.meta import change_meta, read_meta
from gradtop.trainer.record.status import derive_state, is_alive, is_beating, read_status
from gradtop.trainer.record.typed import with_runs

TRASH = ".trash"
STAMPED = re.compile(r"\d{8}-\d{4}")
LONGEST_NAME = 60


def list_runs(runs: Path) -> list[Run]:
    """All runs, newest first; a directory is a run if it has a run.toml or a status.json."""
    return RunList(runs).read()


class RunList:
    """The runs of a directory; `read` examines only new entries. `others` are the directories in it that are no runs, or not yet.

    `trouble` is why it could not be listed; that it is not there is none until it was.
    """

    def __init__(self, runs: Path) -> None:
        self._runs = os.path.abspath(runs)
        self._ages: dict[str, tuple[Age, Run]] = {}  # by file name
        self.others: frozenset[str] = frozenset()
        self.trouble = ""
        self._was_there = False

    def read(self) -> list[Run]:
        """Newest first."""
        try:
            with os.scandir(self._runs) as entries:
                names = [entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry)]
        except FileNotFoundError:
            self.trouble = f"The runs directory was deleted or moved: {self._runs}" if self._was_there else ""
            return []
        except OSError as error:
            self.trouble = f"The runs directory cannot be read ({error.strerror}): {self._runs}"
            return []
        self.trouble, self._was_there = "", True
        known, self._ages = self._ages, {}
        for name in names:
            found = known.get(name)
            if found is None:
                run = Run(f"{self._runs}/{name}")
                age = _age(run)
                found = (age, run) if age is not None else None
            if found is not None:
                self._ages[name] = found
        self.others = frozenset(name for name in names if name not in self._ages)
        return [run for _, run in sorted(self._ages.values(), key=lambda each: each[0], reverse=True)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """False also for what cannot be asked, such as a link in a loop of links."""
    try:
        return entry.is_dir()
    except OSError:
        return False


# What runs are sorted by: the minute in the id, and within it when run.toml was written.
Age: TypeAlias = tuple[str, int, str]


def _age(run: Run) -> Age | None:
    """The sort key of a run; None if the directory is not a run. One that may not be looked into is a run by its name."""
    stamp = STAMPED.match(run.id)
    for name in (CONFIG, STATUS):
        try:
            written = os.stat(run.file(name)).st_mtime_ns
        except PermissionError:
            if stamp is None:
                continue
            written = 0
        except OSError:
            continue
        return stamp[0] if stamp else time.strftime(STAMP, time.localtime(written / 1e9)), written, run.id
    return None


def find_run(runs: Path, reference: str) -> Run:
    """The run of an id, a name, a unique prefix of either, a path, or `last`. Raises RunNotFound, AmbiguousRun."""
    there = Run(reference or os.devnull)
    if os.sep in reference or reference in {".", ".."}:
        if _age(there) is not None:
            return there
        why = "it has neither run.toml nor status.json" if os.access(reference, os.X_OK) or not os.path.isdir(reference) else "it cannot be read: Permission denied"
        raise RunNotFound(f"{reference}: no run in this directory: {why}.")
    known = list_runs(runs)
    for run in known:
        if run.id == reference:
            return run
    if reference == "last" and known:
        return next((run for run in known if not read_meta(run).search), known[0])  # a search, not its newest trial
    names = {run: read_meta(run).name for run in known}
    matches = [run for run in known if names[run] == reference]
    matches = matches or [run for run in known if reference and (run.id.startswith(reference) or names[run].startswith(reference))]
    if len(matches) == 1:
        return matches[0]
    if matches:
        several = ", ".join(run.id for run in matches[:5]) + (", …" if len(matches) > 5 else "")
        raise AmbiguousRun(f"{reference!r} is ambiguous: it matches {len(matches)} runs: {several}. Use a longer prefix.")
    if _age(there) is not None:
        return there
    if not known:
        raise RunNotFound(f"No runs in {runs}. Start one with gradtop train, or choose another directory with --runs.")
    newest = ", ".join(names[run] for run in known[:3])
    raise RunNotFound(f"No run {reference!r} in {runs}. The newest: {newest}; {with_runs('gradtop ls', runs)} shows all.")


def require_name(name: str) -> None:
    """Check the name of a run. Raises RecordError if a run could not be found or shown by it."""
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME or name == "last" or "/" in name or "\\" in name:
        raise RecordError(f"A name has 1 to {LONGEST_NAME} printable characters, no slash, and is not 'last'.")


def rename_run(run: Run, name: str) -> None:
    """Change the name of a run; its directory and id, by which others refer to it, stay. Raises RecordError, also where another run has the name."""
    name = name.strip()
    require_name(name)
    if other := next((each for each in list_runs(run.path.parent) if each != run and name in {each.id, read_meta(each).name}), None):
        raise RecordError(f"{name} is the name of another run ({other.id}); choose another name.")
    try:
        change_meta(run, name=name)
    except OSError as error:
        raise RecordError(f"{run.meta}: cannot be written: {error.strerror}.") from None


def trash_run(run: Run) -> Path:
    """Move a run to the trash folder of its runs directory; returns the new path. Raises RunBusy while it is alive, RecordError.

    Blocks for up to 2 s (queued: 6 s) for a run of another host that seems to have died.
    """
    status = read_status(run)
    state = derive_state(status, now=time.time())
    if not state.is_alive and status.state.is_active and is_alive(status) is None and is_beating(run, status):
        state = status.state  # another host's clock is wrong
    if state.is_alive:
        raise RunBusy(f"{run.id} is {state}: stop it first.")
    trash = trash_of(run)
    target, number = trash / run.id, 1
    try:
        trash.mkdir(mode=0o700, exist_ok=True)
        while target.exists():
            number += 1
            target = trash / f"{run.id}.{number}"
        run.path.rename(target)
    except OSError as error:
        raise RecordError(f"{run.id} cannot be moved to {trash}: {error.strerror}.") from None
    return target


def trash_of(run: Run) -> Path:
    """The trash folder of its runs directory."""
    return run.path.parent / TRASH


def restore_command(where: Path, run: Run) -> str:
    """What to type to take a run out of the trash."""
    from gradtop.trainer.record.typed import quoted  # for this sentence alone

    return f"mv {quoted(str(where))} {quoted(str(run.path))}"
