"""Creating a run: configuration and origin."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from gradtop.trainer.config import Change, Config, dump_config, to_tables
from gradtop.trainer.config.load import to_toml
from gradtop.trainer.config.validate import validate
from gradtop.trainer.declare import Section
from gradtop.trainer.launch.custom_code import admit, code_of, code_of_run, directory_of
from gradtop.trainer.launch.origin import current_directory, keep_surroundings, packages, user_name, versions
from gradtop.trainer.record import RecordedChange, RecordError, Run, new_run, this_host
from gradtop.trainer.record.checkpoint_file import why_no_checkpoint
from gradtop.trainer.record.writing import replace_whole

PATHS = frozenset({"data.root", "data.file", "init.pretrained"})  # keys of files and folders


def create_run(
    runs: Path,
    config: Config,
    *,
    name: str | None = None,
    parent: Run | None = None,
    checkpoint: Path | None = None,
    changes: Sequence[Change | RecordedChange] = (),
    command: Sequence[str] = (),
    tags: Sequence[str] = (),
    note: str = "",
    search: Run | None = None,
    trial: int = 0,
    most_threads: int = 0,
) -> Run:
    """Make the directory of a new run that no worker trains yet. Raises RecordError where it cannot be made, or its job would not find what it needs, and UnknownCode
    where it would run code that a parent names and that was not started here.

    With a checkpoint of its parent it is a fork: it keeps that file, whatever becomes of the parent, and goes on from it. That of a
    `trial` of a search has its code and packages recorded there.
    """
    cwd = directory_of(parent)
    if codes := code_of(to_tables(config), cwd):
        admit(codes, code_of_run(parent) if parent is not None else ())
    if isinstance(settings := config.settings, Section):
        for key, sentence in settings.missing_here(cwd):
            raise RecordError(f"{key}: {sentence}")
    meta = {
        "created": time.time(),
        "job": config.job,
        "parent": parent.id if parent is not None else "",
        "parent_checkpoint": checkpoint.name if checkpoint is not None else "",
        "search": search.id if search is not None else "",
        "trial": trial,
        "most_threads": most_threads,
        "changes": [{"key": change.key, "old": change.old, "new": change.new} for change in changes],
        "command": list(command),
        # Where its relative paths and its modules are looked up, from wherever it is started.
        "cwd": cwd,
        "host": this_host()[0],
        "user": user_name(),
        "versions": versions(),
        "tags": list(tags),
        "note": note,
    }
    text = dump_config(_with_paths_from_here(config, changes, cwd))
    installed = packages() if search is None else {}
    run = new_run(runs, text, meta, name=name)
    if checkpoint is not None:
        _keep_origin(run, checkpoint)
    if search is None:
        keep_surroundings(run, installed)
    return run


def _is_path(key: str, value: str) -> bool:
    # A tokenizer is a file, or one of some words.
    return bool(value) and (key in PATHS or (key == "data.tokenizer" and value.endswith(".json")))


def _with_paths_from_here(config: Config, changes: Sequence[Change | RecordedChange], cwd: str) -> Config:
    """The configuration with the relative paths that were given here and now, as they are in another directory."""
    here, tables = current_directory(), to_toml(config)
    given = [change.key for change in changes if isinstance(change.new, str) and _is_path(change.key, change.new)]
    relative = [key.split(".") for key in given if not tables[key.split(".")[0]][key.split(".")[1]].startswith(("/", "~"))]
    if not relative or cwd == here:
        return config
    for table, name in relative:
        tables[table][name] = os.fspath(Path(here, tables[table][name]))
    return validate(tables)


def _keep_origin(run: Run, checkpoint: Path) -> None:
    """Hard-link or copy the checkpoint into the run. Raises RecordError and removes the run."""
    try:
        source = _checkpoint_file(checkpoint)
        try:
            os.link(source, run.origin)
        except FileNotFoundError:
            raise
        except OSError:
            # Another file system, or one without such names.
            with source.open("rb") as file:
                replace_whole(run.path, run.origin, lambda copy: shutil.copyfileobj(file, copy))
        with contextlib.suppress(FileNotFoundError), checkpoint.with_suffix(".json").open("rb") as file:
            # What it says of the file; a file that somebody kept elsewhere may come without.
            replace_whole(run.path, run.origin.with_suffix(".json"), lambda copy: shutil.copyfileobj(file, copy))
    except OSError as error:
        shutil.rmtree(run.path, ignore_errors=True)
        raise _cannot_copy(checkpoint, error) from None


def require_checkpoint_file(checkpoint: Path) -> None:
    """Raises RecordError where a fork could not take the checkpoint along: none there, no regular file, or no checkpoint in it."""
    try:
        _checkpoint_file(checkpoint)
    except OSError as error:
        raise _cannot_copy(checkpoint, error) from None


def _cannot_copy(checkpoint: Path, error: OSError) -> RecordError:
    return RecordError(f"{checkpoint}: cannot copy the checkpoint: {error.strerror}.")


def _checkpoint_file(path: Path) -> Path:
    """Where the path leads: a second name of a link would be a link, which leads elsewhere from there. Raises OSError."""
    found = path.resolve(strict=True)
    if not found.is_file():
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(found))
    if why := why_no_checkpoint(found):
        raise OSError(errno.EINVAL, why, os.fspath(found))
    return found
