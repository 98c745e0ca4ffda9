"""Where everything about a run lies, and how a new run directory is made."""

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
    """A handle on one run directory: paths only, nothing is opened. `where` is its absolute path as a text."""

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
        """The directory lies elsewhere now."""
        self.where, self._path = os.fspath(path), path

    @property
    def id(self) -> str:
        return self.where.rpartition(os.sep)[2]

    def file(self, name: str) -> str:
        """A file's path as a text: of ten thousand runs, making `Path`s takes longer than reading what lies there."""
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
        """The checkpoint that a fork begins at."""
        return self.path / ORIGIN

    @property
    def diff(self) -> Path:
        """What the code differed in from its commit when the run was made."""
        return self.path / "code.diff"

    @property
    def packages(self) -> Path:
        """What was installed when the run was made."""
        return self.path / "packages.txt"

    @property
    def data(self) -> Path:
        """A fingerprint of the data."""
        return self.path / "data.json"

    @property
    def reserve(self) -> Path:
        """Room on the disk for commands and their answers."""
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
    """Make a run directory (0700) with its config, meta and an initial status; raises RecordError where it cannot be made.

    The directory is named by the local time and `name` (made up where there is none) in letters that every shell takes.
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
    """Raises OSError; nothing is left then."""
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
    """mkdir is the claim: two processes that choose the same name cannot both succeed."""
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
    """The name as a part of a file name."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:48].strip("-.")
