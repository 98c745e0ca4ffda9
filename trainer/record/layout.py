"""Paths of the files in a run directory, and its creation."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradtop.trainer.record.errors import RecordError
from gradtop.trainer.record.state import RunState
from gradtop.trainer.record.writing import FOLDER, make_folder, write_atomically

ADJECTIVES = (
    "amber", "ample", "brave", "brisk", "calm", "clear", "crisp", "eager", "fair", "fleet", "fond", "gentle", "glad", "grand",
    "hardy", "jolly", "keen", "kind", "lively", "lucid", "mellow", "merry", "mild", "neat", "noble", "plain", "polite", "proud",
    "quick", "quiet", "rapid", "ready", "sharp", "shy", "silver", "sleek", "smart", "sober", "solid", "steady", "sunny", "swift",
    "tidy", "vivid", "warm", "wise", "witty", "young",
)  # fmt: skip
ANIMALS = (
    "badger", "beaver", "bison", "crane", "deer", "dolphin", "eagle", "falcon", "ferret", "finch", "fox", "gecko", "goose", "hare",
    "hawk", "heron", "ibis", "jackdaw", "koala", "lark", "lemur", "lynx", "magpie", "marten", "mole", "moose", "newt", "ocelot",
    "otter", "owl", "panda", "pelican", "plover", "puffin", "quail", "raven", "robin", "seal", "shrew", "sparrow", "stoat", "stork",
    "swan", "tapir", "tern", "vole", "walrus", "wren",
)  # fmt: skip


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


def new_run(runs: Path, config_toml: str, meta: Mapping[str, object], *, name: str | None = None, now: float | None = None) -> Run:
    """Create a run directory (mode 0700) with its configuration, metadata and an initial status. Raises RecordError.

    The directory name is the local time and `name` (a random one by default), in characters that need no quoting in a shell.
    """
    moment = time.time() if now is None else now
    stamp = time.strftime(STAMP, time.localtime(moment))
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        run, chosen = _claim(runs, stamp, name)
        _fill(run, config_toml, {"created": moment, **meta, "name": meta.get("name") or chosen}, moment)
    except UnicodeError:
        raise RecordError("The configuration contains text that is not valid Unicode (perhaps a path); run.toml cannot be written.") from None
    except OSError as error:
        where = error.filename or runs
        raise RecordError(f"{where}: the run directory cannot be created: {error.strerror}. Choose another directory with --runs.") from None
    return run


def _fill(run: Run, config_toml: str, meta: Mapping[str, object], moment: float) -> None:
    """Write the initial files; on an error the directory is removed. Raises OSError."""
    try:
        for folder in (run.streams, run.control, run.leases, run.checkpoints):
            make_folder(run.path, folder)
        write_atomically(run.path, run.config, config_toml)
        write_atomically(run.path, run.meta, json.dumps(meta, indent=1))
        write_atomically(run.path, run.status, json.dumps({"state": RunState.CREATED, "updated": moment}))
    except BaseException:
        import shutil  # costs as much as the whole of this package, and is needed hardly ever

        shutil.rmtree(run.path, ignore_errors=True)
        raise


def _claim(runs: Path, stamp: str, name: str | None) -> tuple[Run, str]:
    """Create the directory under a free name; mkdir is atomic, so that two processes cannot take the same one. Raises RecordError, OSError."""
    for attempt in range(1000):
        if name is None or not _safe(name):
            chosen = f"{_choose(ADJECTIVES)}-{_choose(ANIMALS)}"
            chosen += f"-{os.urandom(2).hex()}" if attempt > 20 else ""
        else:
            chosen = name if attempt == 0 else f"{name}-{attempt + 1}"
        path = runs / f"{stamp}-{_safe(chosen)}"
        try:
            path.mkdir(mode=FOLDER)
            path.chmod(FOLDER)  # whatever the umask
        except FileExistsError:
            continue
        return Run(path), chosen
    raise RecordError(f"{runs}: no free name for a run; choose one with --name.")


def _choose(words: Sequence[str]) -> str:
    # Not the random module: a name must not depend on a seed, and importing `secrets` costs a third of a listing of runs.
    return words[int.from_bytes(os.urandom(4)) % len(words)]


def _safe(name: str) -> str:
    """The name with characters replaced that a file name cannot hold."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:48].strip("-.")
