"""Paths of the files in a run directory."""

from __future__ import annotations

import os
from pathlib import Path

CONFIG, META, STATUS, LOG = "run.toml", "meta.json", "status.json", "worker.log"
STAMP = "%Y%m%d-%H%M"
# What the parent's checkpoint is called in a fork's directory: the parent may prune or lose its own.
ORIGIN = "origin.pt"


class Run:
    """The paths of one run directory; opens nothing. `where` is its absolute path as a string."""

    __slots__ = ("_path", "where")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.where = os.path.abspath(path)
        self._path: Path | None = None

    @property
    def path(self) -> Path:
        if self._path is None:
            self._path = Path(self.where)
        return self._path

    def move(self, path: Path) -> None:
        """Set the path of a directory that was moved."""
        self.where, self._path = os.fspath(path), path

    @property
    def id(self) -> str:
        return self.where.rpartition(os.sep)[2]

    def file(self, name: str) -> str:
        """The path of a file as a string: for lists of many runs, creating `Path` objects takes longer than reading the files."""
        return f"{self.where}/{name}"

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    @property
    def meta(self) -> Path:
        return self.path / META

    @property
    def status(self) -> Path:
        return self.path / STATUS

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def streams(self) -> Path:
        return self.path / "streams"

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def leases(self) -> Path:
        return self.path / "leases"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def origin(self) -> Path:
        """The checkpoint that a fork starts from."""
        return self.path / ORIGIN

    @property
    def diff(self) -> Path:
        """Uncommitted changes of the code when the run was created, as a diff."""
        return self.path / "code.diff"

    @property
    def packages(self) -> Path:
        """Packages installed when the run was created."""
        return self.path / "packages.txt"

    @property
    def data(self) -> Path:
        """data.json: fingerprint and facts of the data."""
        return self.path / "data.json"

    @property
    def tokenizer(self) -> Path:
        """tokenizer.json: the tokenizer of a text, as the tokenizers library reads it."""
        return self.path / "tokenizer.json"

    @property
    def profiles(self) -> Path:
        """Profiles of training steps, each a JSON file and a Chrome trace."""
        return self.path / "profiles"

    @property
    def samples(self) -> Path:
        """samples.jsonl: texts that a language model generated."""
        return self.path / "samples.jsonl"

    @property
    def reserve(self) -> Path:
        """A file that reserves disk space for commands and their answers."""
        return self.path / ".reserve"

    @property
    def log(self) -> Path:
        return self.path / LOG

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.where == other.where

    def __hash__(self) -> int:
        return hash(self.where)

    def __repr__(self) -> str:
        return f"Run({self.where!r})"
