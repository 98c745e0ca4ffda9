"""The file beside a checkpoint, which tells a reader that has no torch what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtop.trainer.metrics import LOSS
from gradtop.trainer.record.checkpoint_file import REPLACED, of_weights
from gradtop.trainer.record.files import read_file
from gradtop.trainer.record.saved import CheckpointFacts
from gradtop.trainer.record.writing import replace_whole

SIDECAR_FORMAT = 1
LATER = frozenset({"bytes", "monitor", "monitor_mode", "note", "score"})  # which sidecars of older versions lack


@dataclass(frozen=True)
class Saved(CheckpointFacts):
    """As it is written, with the size of the file of weights."""

    bytes: int = 0


def path_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}.pt"


def sidecar_of(path: Path) -> Path:
    return path.with_suffix(".json")


def run_of(path: Path) -> Path:
    """The run directory of a checkpoint; a link in it is not followed to write."""
    return path.parent.parent


def write_sidecar(path: Path, saved: Saved) -> None:
    write_said(path, said_by(saved))


def said_by(saved: Saved) -> dict[str, Any]:
    return {"format": SIDECAR_FORMAT, **vars(saved)}


def write_said(path: Path, values: Mapping[str, Any]) -> None:
    text = json.dumps(values) + "\n"
    replace_whole(run_of(path), sidecar_of(path), lambda file: file.write(text.encode()), durable=True)


def read_sidecar(path: Path) -> Saved | None:
    """What the file beside a checkpoint says; None where that is missing, broken, or of another step."""
    saved = parse_saved(said_of(path))
    return saved if saved is not None and path_of(path.parent, saved.step) == path else None


def is_replacing(path: Path) -> bool:
    """Whether a process was killed while it replaced the checkpoint, so that the file tells of two."""
    return REPLACED in _read(path)


def said_of(path: Path) -> Mapping[str, Any]:
    """What the file beside a checkpoint says of it; {} where that is missing or broken."""
    return of_weights(_read(path), path)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(read_file(sidecar_of(path)))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, Mapping) else {}


def parse_saved(values: object) -> Saved | None:
    if not isinstance(values, Mapping):
        return None
    step, epoch = values.get("step"), values.get("epoch")
    if type(step) is not int or type(epoch) is not int or not values.keys() >= Saved.__dataclass_fields__.keys() - LATER:
        return None
    numbers: dict[str, Any] = {name: values.get(name, 0 if name in {"time", "bytes"} else None) for name in ("val_loss", "val_accuracy", "score", "time", "bytes")}
    if not all(type(number) in (int, float) or (number is None and name not in {"time", "bytes"}) for name, number in numbers.items()):
        return None
    monitor, mode = (word if isinstance(word := values.get(name), str) else default for name, default in (("monitor", LOSS), ("monitor_mode", "min")))
    note = found if isinstance(found := values.get("note"), str) else ""
    return Saved(step=step, epoch=epoch, best=values["best"] is True, monitor=monitor, monitor_mode=mode, note=note, **numbers)
