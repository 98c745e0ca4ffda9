"""Checkpoints: written atomically, pruned to the newest and the best, read without running any code from them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradtop.trainer.record.files import open_regular
from gradtop.trainer.runtime.errors import UserError

FORMAT = 2
SIDECAR_FORMAT = 1
_NAME = re.compile(r"step-(\d+)\.pt$")

State = dict[str, Any]


@dataclass(frozen=True)
class Saved:
    """What the file beside a checkpoint tells a reader that has no torch."""

    step: int
    epoch: int
    val_loss: float | None = None
    val_accuracy: float | None = None
    best: bool = False
    time: float = 0.0
    bytes: int = 0


def detached(value: Any) -> Any:
    """A copy on the CPU that later training steps do not change."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: detached(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(detached(item) for item in value)
    return value


def path_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}.pt"


def sidecar_of(path: Path) -> Path:
    return path.with_suffix(".json")


def save(folder: Path, state: State, saved: Saved, *, before_rename: Callable[[], object] = lambda: None) -> Path:
    """Write `state` and its sidecar so that a kill at any instant leaves the earlier checkpoints and no half of this one.

    `before_rename` runs when the bytes are on disk and the checkpoint does not count yet: what must not be newer
    than a checkpoint (the records of the steps before it) is made durable there. Raises OSError.
    """
    path = path_of(folder, saved.step)
    size = _replace(path, lambda file: torch.save({"format": FORMAT, **state}, file), before_rename)
    write_sidecar(path, Saved(**{**saved.__dict__, "bytes": size}))
    return path


def write_sidecar(path: Path, saved: Saved) -> None:
    text = json.dumps({"format": SIDECAR_FORMAT, **saved.__dict__}) + "\n"
    _replace(sidecar_of(path), lambda file: file.write(text.encode()))


def _replace(path: Path, fill: Callable[[Any], object], before_rename: Callable[[], object] = lambda: None) -> int:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        before_rename()
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        # torch.save reports a full disk as a RuntimeError of its own stream writer.
        if isinstance(error, RuntimeError):
            raise OSError(str(error).splitlines()[0]) from error
        raise
    _sync_folder(path.parent)
    return size


def _sync_folder(folder: Path) -> None:
    # Some network file systems refuse fsync on a directory; the rename itself has happened.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def saved_steps(folder: Path) -> list[int]:
    """Steps that have a checkpoint file, oldest first."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(int(match[1]) for name in names if (match := _NAME.match(name)))


def read_sidecar(path: Path) -> Saved | None:
    try:
        values = json.loads(sidecar_of(path).read_text())
        known = {key: values[key] for key in Saved.__dataclass_fields__ if key in values}
        return Saved(**known)
    except (OSError, ValueError, TypeError):
        return None


def prune(folder: Path, keep: int) -> None:
    """Leave the newest `keep` checkpoints (at least one) and the best; say in the sidecars which one is best."""
    paths = {step: path_of(folder, step) for step in saved_steps(folder)}
    facts = {step: read_sidecar(path) for step, path in paths.items()}
    best = best_step(facts)
    for step, fact in facts.items():
        if fact is not None and fact.best != (step == best):
            write_sidecar(paths[step], Saved(**{**fact.__dict__, "best": step == best}))
    kept = {*sorted(paths)[-max(keep, 1) :], best}
    for step, path in paths.items():
        if step not in kept:
            # The sidecar goes first: what it announces must be there.
            sidecar_of(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def best_step(facts: Mapping[int, Saved | None]) -> int | None:
    """The step with the lowest finite validation loss; the earlier one of equals."""
    losses = {
        step: fact.val_loss
        for step, fact in facts.items()
        if fact is not None and fact.val_loss is not None and abs(fact.val_loss) < float("inf")
    }
    return min(losses, key=lambda step: (losses[step], step)) if losses else None


def load(path: Path) -> State:
    """Read a checkpoint without unpickling anything but tensors and plain values. Raises UserError."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        why = "not an ordinary file" if error.errno == errno.EINVAL else error.strerror or _first_line(error)
        raise UserError(f"the checkpoint {path.name} cannot be read ({why.lower()})") from error
    except Exception as error:
        raise UserError(f"the checkpoint {path.name} cannot be read ({_first_line(error)})") from error
    if not isinstance(state, dict) or not isinstance(state.get("step"), int):
        raise UserError(f"the checkpoint {path.name} is not one that gradtop wrote")
    if state.get("format") != FORMAT:
        raise UserError(f"the checkpoint {path.name} has the format {state.get('format')}, this version reads {FORMAT}")
    return state


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
            _set_aside(torn)
        if read_sidecar(path) is None:
            with contextlib.suppress(OSError):
                write_sidecar(path, Saved(step=step, epoch=int(state.get("epoch", 0)), time=time.time()))
        return state
    if unreadable:
        raise UserError(
            f"none of the {len(unreadable)} checkpoints of this run can be read; put back a good one in {folder}, "
            "or start a new run"
        )
    return None


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of a process that was killed while it wrote."""
    for path in folder.glob(".step-*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()


def _set_aside(path: Path) -> None:
    for one in (sidecar_of(path), path):
        with contextlib.suppress(OSError):
            one.rename(one.with_name(one.name + ".unreadable"))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
