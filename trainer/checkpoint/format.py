"""Checkpoints: written atomically, pruned to the newest and the best, read without running any code from them."""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import torch

from gradtop.trainer.checkpoint.encoding import TAG, decoded
from gradtop.trainer.checkpoint.sidecar import (
    Saved,
    is_replacing,
    parse_saved,
    path_of,
    read_sidecar,
    run_of,
    said_by,
    said_of,
    sidecar_of,
    write_said,
    write_sidecar,
)
from gradtop.trainer.record.checkpoint_file import damaged_part, replacing, why_not_loaded
from gradtop.trainer.record.files import open_regular
from gradtop.trainer.record.writing import remove, rename, replace_whole, unlink
from gradtop.trainer.runtime.errors import UserError

FORMAT = 2
_NAME = re.compile(r"step-(\d{6,18})\.pt$")

State = dict[str, Any]


def save(folder: Path, state: State, saved: Saved, *, before_rename: Callable[[], object] = lambda: None) -> Path:
    """Write `state` and its sidecar so that a kill at any instant leaves the earlier checkpoints and no half of this one.

    `before_rename` runs when the bytes are on disk and the checkpoint does not count yet: what must not be newer
    than a checkpoint (the records of the steps before it) is made durable there. Raises OSError.
    """
    path = path_of(folder, saved.step)
    size = 0
    before = said_of(path) if path.exists() else None
    said: dict[str, Any] = {}
    # The time is the file's: two runs that are alike have checkpoints that are.
    known = vars(replace(saved, best=False, time=0.0))

    def fill(file: BinaryIO) -> None:
        nonlocal size, said
        with _checksums():
            torch.save({"format": FORMAT, "saved": known, **state}, file)
        size = file.tell()
        said = said_by(replace(saved, bytes=size))
        if before is not None:
            file.flush()
            said = replacing(said, before, file.fileno())

    def announce() -> None:
        before_rename()
        # Without its checkpoint a sidecar means nothing: the one rename that follows makes both count.
        write_said(path, said)

    try:
        replace_whole(run_of(path), path, fill, before_rename=announce, durable=True)
    except RuntimeError as error:
        raise file_error(error) from error
    if before is not None:
        with contextlib.suppress(OSError):  # what it says is true already
            write_sidecar(path, replace(saved, bytes=size))
    return path


@contextlib.contextmanager
def _checksums() -> Iterator[None]:
    """Have torch write them, also where somebody's code has switched that off for its own files."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(True)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def file_error(error: RuntimeError) -> OSError:
    """What went wrong with the file: torch.save raises an error of its stream writer while it handles that of the file."""
    cause = error.__context__
    while cause is not None and not (isinstance(cause, OSError) and cause.errno):
        cause = cause.__context__
    return OSError(cause.errno, cause.strerror) if isinstance(cause, OSError) else OSError(str(error).splitlines()[0])


def saved_steps(folder: Path) -> list[int]:
    """Steps that have a checkpoint file, oldest first."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(int(match[1]) for name in names if (match := _NAME.match(name)))


def rebuild_sidecar(path: Path) -> Saved | None:
    """Write the sidecar anew from what the checkpoint knows of itself; None where the checkpoint cannot be read. Raises OSError."""
    try:
        state = load(path, mapped=True)
    except UserError:
        return None
    saved = _described(state)
    if saved is None or path_of(path.parent, saved.step) != path:
        return None
    found = path.stat()
    saved = replace(saved, best=False, bytes=found.st_size, time=saved.time or found.st_mtime)
    write_sidecar(path, saved)
    return saved


def _described(state: State) -> Saved | None:
    if "saved" in state:
        return parse_saved(state["saved"])
    # A checkpoint of before this field has its score among the scores.
    scores = state.get("scores")
    newest = scores.get("newest") if isinstance(scores, Mapping) and state.get("evaluated") == state["step"] else None
    score = newest if isinstance(newest, Mapping) else {}
    return parse_saved({**vars(Saved(state["step"], state.get("epoch", 0))), "val_loss": score.get("loss"), "val_accuracy": score.get("accuracy")})


def settle_sidecars(folder: Path) -> dict[int, Saved | None]:
    """Rebuild the sidecars that are missing or broken and flag the best alone; what each checkpoint is, by step. Raises OSError."""
    facts = {}
    for step in saved_steps(folder):
        path = path_of(folder, step)
        facts[step] = read_sidecar(path) or rebuild_sidecar(path)
    best = best_step(facts)
    for step, fact in facts.items():
        if fact is not None and (fact.best != (step == best) or is_replacing(path_of(folder, step))):
            write_sidecar(path_of(folder, step), replace(fact, best=step == best))
    return facts


def prune(folder: Path, keep: int) -> None:
    """Leave the newest `keep` checkpoints (at least one) and the best; say in the sidecars which one is best. Raises OSError.

    A checkpoint of which nothing can be known stays: it may be the best.
    """
    facts = settle_sidecars(folder)
    kept = {*sorted(facts)[-max(keep, 1) :], best_step(facts)}
    for step, fact in facts.items():
        if step not in kept and fact is not None:
            path = path_of(folder, step)
            unlink(run_of(path), path)
            unlink(run_of(path), sidecar_of(path))


def best_step(facts: Mapping[int, Saved | None]) -> int | None:
    """The step with the best finite score; the earlier one of equals."""
    ranks = {step: fact.rank for step, fact in facts.items() if fact is not None and fact.rank < math.inf}
    return min(ranks, key=lambda step: (ranks[step], step)) if ranks else None


def load(path: Path, *, mapped: bool = False, checked: bool = False) -> State:
    """Read a checkpoint without unpickling anything but tensors and plain values; `mapped`, its tensors stay on the disk until
    they are used, and whether they are what was written is looked at only if `checked`. Raises UserError.
    """
    try:
        descriptor = open_regular(path)
    except OSError as error:
        raise _cannot_be_read(path, error, "not a regular file") from error
    with os.fdopen(descriptor, "rb") as file:
        try:
            damaged = "" if mapped and not checked else damaged_part(path)
            state = torch.load(path if mapped else file, map_location="cpu", weights_only=True, mmap=mapped)
        except EOFError as error:
            raise UserError(f"the checkpoint {path.name} cannot be read (empty or cut short)") from error
        except OSError as error:
            # It looks for the end of the archive before the beginning of the file.
            raise _cannot_be_read(path, error, "cut short") from error
        except Exception as error:
            raise UserError(f"the checkpoint {path.name} cannot be read ({why_not_loaded(path, error)})") from error
    if damaged:
        raise UserError(f"the checkpoint {path.name} cannot be read ({damaged})")
    if not isinstance(state, dict) or not isinstance(state.get("step"), int):
        raise UserError(f"the checkpoint {path.name} is not one that gradtop wrote")
    if state.get("format") != FORMAT:
        raise UserError(f"the checkpoint {path.name} has the format {state.get('format')}, this version reads {FORMAT}")
    return state


def _cannot_be_read(path: Path, error: OSError, invalid: str) -> UserError:
    """`invalid` says what EINVAL means."""
    why = invalid if error.errno == errno.EINVAL else (error.strerror or _first_line(error)).lower()
    return UserError(f"the checkpoint {path.name} cannot be read ({why})")


def load_newest(folder: Path, skipped: Callable[[str], object]) -> State | None:
    """The newest readable checkpoint, None if there has never been one; each unreadable newer one is said and set aside.

    Raises UserError when there are checkpoints and none can be read: starting over would not be a resume.
    """
    remove_leftovers(folder)
    unreadable: list[Path] = []
    for step in reversed(saved_steps(folder)):
        path = path_of(folder, step)
        try:
            state = load(path)
        except UserError as error:
            skipped(str(error))
            unreadable.append(path)
            continue
        for torn in unreadable:
            set_aside(torn)
        # On a disk without room the next one that is written does it.
        with contextlib.suppress(OSError):
            settle_sidecars(folder)
        return state
    if unreadable:
        raise UserError(
            f"none of the {len(unreadable)} checkpoints of this run can be read; put back a good one in {folder}, "
            "or start a new run"
        )
    return None


def remove_leftovers(folder: Path) -> None:
    """Delete what a process that was killed while it wrote has left: temporary files, and sidecars of no checkpoint."""
    there = {path_of(folder, step).stem for step in saved_steps(folder)}
    for path in (*folder.glob(".step-*.tmp"), *(each for each in folder.glob("step-*.json") if each.stem not in there)):
        remove(run_of(path), path)


def set_aside(path: Path) -> None:
    """Have a checkpoint that cannot be read count no more, and keep its bytes."""
    for one in (sidecar_of(path), path):
        with contextlib.suppress(OSError):
            rename(run_of(one), one, one.name + ".unreadable")


def unreadable_key(value: Any, key: str = "") -> str:
    """The key of the first value in an encoded state that does not come back from a file as what it was; "" where all do."""
    if _comes_back(value):
        return ""
    if isinstance(value, dict):
        inner = [(key, value["value"])] if TAG in value else [(f"{key}.{name}" if key else str(name), each) for name, each in value.items()]
    else:
        inner = [(f"{key}.{at}", each) for at, each in enumerate(value)] if isinstance(value, list | tuple) else []
    return next((found for name, each in inner if (found := unreadable_key(each, name))), key)


def _comes_back(value: Any) -> bool:
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    try:
        decoded(torch.load(file, map_location="cpu", weights_only=True))
    except Exception:  # noqa: BLE001 - whatever keeps it from being read
        return False
    return True


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
