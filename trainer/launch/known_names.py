"""Patterns of names in a configuration against the parameters that the parent run has recorded; told before anything is started."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from gradtop.trainer.config import Change, Config
from gradtop.trainer.config.freeze import FreezePattern
from gradtop.trainer.record import RecordedChange, RecordError, Run, clean, read_meta
from gradtop.trainer.record.streams.reader import StreamReader
from gradtop.trainer.record.streams.registry import LAYERS

NEAREST, SHOWN = 3, 8  # names in a sentence


def require_known_names(parent: Run, config: Config, changes: Sequence[Change | RecordedChange]) -> None:
    """Raises RecordError where a pattern fits nothing of the parent. What that has not recorded, its worker checks."""
    changed = {change.key for change in changes}
    if config.settings is not None and (patterns := getattr(config.settings, "layers", ())):
        _require(parent, f"{config.job}.layers", patterns, "layer", layers_of(parent))
    if isinstance(config.freeze, FreezePattern) and "freeze.patterns" in changed and not any(key.startswith("model.") for key in changed):
        _require(parent, "freeze.patterns", config.freeze.patterns, "parameter", [name for name, _ in _parameters(parent)])


def layers_of(run: Run) -> list[str]:
    """The modules with a weight of two dimensions or more, in the order of the model; [] where the run has recorded none."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name, dimensions in _parameters(run) if dimensions > 1))


def _parameters(run: Run) -> list[tuple[str, int]]:
    """Name and number of dimensions of each parameter."""
    stream = StreamReader(run, LAYERS)
    stream.refresh()
    rows = stream.extra.get("parameters")
    return [
        (clean(row["name"], 300), len(row["shape"]))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get("name"), str) and isinstance(row.get("shape"), list)
    ]


def _require(parent: Run, key: str, patterns: Sequence[str], kind: str, names: Sequence[str]) -> None:
    for pattern in patterns if names else ():
        if any(fnmatchcase(name, pattern) for name in names):
            continue
        near = difflib.get_close_matches(pattern.replace("*", "").replace("?", "")[:80], names, n=NEAREST, cutoff=0.5)
        there = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}"
        raise RecordError(f"{key}: no {kind} of {clean(read_meta(parent).name or parent.id, 80)} matches {pattern!r}; {there}")
