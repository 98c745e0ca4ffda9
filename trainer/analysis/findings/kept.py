"""Findings of runs that have ended, kept in a file of the user from one listing to the next: to find them takes milliseconds a run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradtop.trainer import __version__
from gradtop.trainer.analysis.findings.report import report
from gradtop.trainer.record import Run, RunReader
from gradtop.trainer.record.files import identity, read_file
from gradtop.trainer.record.layout import META
from gradtop.trainer.record.writing import write_atomically

LARGEST = 64 << 20  # bytes of the file
MOST = 20_000  # runs
NOT_READ = frozenset({META, "worker.log", "control", "leases", "checkpoints"})  # of a run, by the rules


class KeptFindings:
    """The findings of the runs of one directory, as records for JSON; a file that cannot be read or written only costs time."""

    def __init__(self, folder: Path, runs: Path) -> None:
        self._folder = folder
        self._path = folder / f"{hashlib.sha256(os.fsencode(runs)).hexdigest()[:16]}.json"
        self._rules = rules_stamp()
        self._known: dict[str, Any] = {}
        self._is_new = False
        with suppress(OSError, ValueError, RecursionError):
            found = json.loads(read_file(self._path, limit=LARGEST, own=True))
            if isinstance(found, dict) and found.get("rules") == self._rules and isinstance(found.get("runs"), dict):
                self._known = found["runs"]

    def known(self, run: Run) -> Sequence[dict[str, object]] | None:
        """Those of a run that has not changed since; None where they must be found."""
        entry = self._known.get(run.id)
        if isinstance(entry, list) and len(entry) == 2 and entry[0] == stamp(run) and isinstance(entry[1], list):
            return entry[1]
        return None

    def find(self, run: Run, *, keep: bool) -> Sequence[dict[str, object]]:
        """Read the run and find them."""
        seen = stamp(run) if keep else ""  # before the run is read
        found = records(run)
        if keep:
            self._known[run.id], self._is_new = [seen, found], True
        return found

    def save(self, runs: Collection[str]) -> None:
        """Write what is kept, without runs that are not there any more."""
        if not self._is_new:
            return
        kept = {run: entry for run, entry in self._known.items() if run in runs}
        text = json.dumps({"rules": self._rules, "runs": dict(list(kept.items())[-MOST:])})
        if len(text) > LARGEST:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._folder, self._path, text)


def records(run: Run) -> list[dict[str, object]]:
    reader = RunReader(run)
    reader.refresh()
    return [finding.record() for finding in report(reader).findings]


def stamp(run: Run) -> str:
    """A text that changes when a file changes that the rules read."""
    return hashlib.sha256(repr([_entries(run.where), _entries(run.file("streams"))]).encode()).hexdigest()[:32]


def rules_stamp() -> str:
    """The same of the rules themselves."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - as cheap as it can be
    return f"{__version__} {hashlib.sha256(repr([_entries(here), _entries(f'{here}/rules')]).encode()).hexdigest()[:32]}"


def _entries(folder: str) -> list[tuple[str, tuple[int, int, int]]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, identity(entry.stat())) for entry in entries if entry.name not in NOT_READ and entry.name[0] != "." and entry.is_file())
    except OSError:
        return []
