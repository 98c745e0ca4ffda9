"""Creating a run directory, under a name that no other run of the runs directory has."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradtop.trainer.record.errors import RecordError
from gradtop.trainer.record.layout import STAMP, Run
from gradtop.trainer.record.meta import name_of_id, read_meta
from gradtop.trainer.record.runs import LONGEST_NAME, list_runs
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
LONGEST_ID = 48  # characters of a name in the id


def new_run(runs: Path, config_toml: str, meta: Mapping[str, object], *, name: str | None = None, now: float | None = None) -> Run:
    """Create a run directory (mode 0700) with its configuration, metadata and an initial status. Raises RecordError.

    The directory name is the local time and `name` (a random one by default), in characters that need no quoting in a shell.
    """
    moment = time.time() if now is None else now
    stamp = time.strftime(STAMP, time.localtime(moment))
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        run, chosen = _claim(runs, stamp, name, trial=bool(meta.get("search")))
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


def _claim(runs: Path, stamp: str, name: str | None, *, trial: bool) -> tuple[Run, str]:
    """Create the directory under a free name; a second run of the same name gets a number. Raises RecordError, OSError."""
    given = name if name is not None and _safe(name) else None
    # To read the names of all runs takes longer than to make one: for a random name, and that of one of a thousand trials, the ids suffice.
    taken = names_of_ids(runs) if given is None or trial else names_in(runs)
    for attempt in range(1000):
        if given is None:
            chosen = f"{_choose(ADJECTIVES)}-{_choose(ANIMALS)}"
            chosen += f"-{os.urandom(2).hex()}" if attempt > 20 else ""
        else:
            chosen = numbered(given, attempt + 1)
        if chosen in taken:
            continue
        path = runs / f"{stamp}-{_safe(chosen) if given is None or not attempt else numbered(_safe(given), attempt + 1, LONGEST_ID)}"
        try:
            path.mkdir(mode=FOLDER)
            path.chmod(FOLDER)  # whatever the umask
        except FileExistsError:
            continue
        run = Run(path)
        if not _came_second(run, chosen):
            return run, chosen
        path.rmdir()
    raise RecordError(f"{runs}: no free name for a run; choose one with --name.")


def _came_second(run: Run, name: str) -> bool:
    """Whether another process has taken the name at the same time, in another minute: mkdir is atomic for one path alone."""
    own = name_of_id(run.id)
    others = [Run(run.path.with_name(each)) for each in _ids(run.path.parent) if each < run.id and name_of_id(each) == own]
    return any(not os.path.exists(other.meta) or read_meta(other).name == name for other in others if os.path.isdir(other.path))


def names_in(runs: Path) -> set[str]:
    """The names of all runs, and their ids, which name them as well."""
    return {word for run in list_runs(runs) for word in (read_meta(run).name, run.id)}


def names_of_ids(runs: Path) -> set[str]:
    """The names that runs had when they were created, as far as their directories hold these."""
    return {name_of_id(each) for each in _ids(runs)}


def _ids(runs: Path) -> list[str]:
    return [each for each in os.listdir(runs) if not each.startswith(".")]


def numbered(name: str, number: int, longest: int = LONGEST_NAME) -> str:
    """The name of the second, third … run of a name; the first has the name itself."""
    ending = f"-{number}" if number > 1 else ""
    return f"{name[: longest - len(ending)]}{ending}"


def _choose(words: Sequence[str]) -> str:
    # Not the random module: a name must not depend on a seed, and importing `secrets` costs a third of a listing of runs.
    return words[int.from_bytes(os.urandom(4)) % len(words)]


def _safe(name: str) -> str:
    """The name with characters replaced that a file name cannot hold."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:LONGEST_ID].strip("-.")
