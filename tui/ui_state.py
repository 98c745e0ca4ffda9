"""What the screen remembers per user: theme, mode, sort, selected layer; in XDG_STATE_HOME/gradtop/screen.json."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from gradtop.trainer.launch.state_home import state_home

LIMIT = 65536


def state_file(env: Mapping[str, str]) -> Path:
    """Where the memory lives."""
    return state_home(env) / "screen.json"


class UiState:
    """A few named strings. Garbage reads as nothing; a home that cannot be written forgets at the end and says nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, str] = {}
        try:
            with path.open("rb") as file:
                values = json.loads(file.read(LIMIT))
        except (OSError, ValueError, RecursionError):
            return
        if isinstance(values, dict):
            self._values = {key: value for key, value in values.items() if isinstance(value, str)}

    def get(self, key: str, default: str = "") -> str:
        return self._values.get(key, default)

    def put(self, key: str, value: str) -> bool:
        """Remember a value; whether that is news, and so worth a `save`."""
        if self._values.get(key) == value:
            return False
        self._values[key] = value
        return True

    def save(self) -> bool:
        """Replace the file whole; whether that worked. Touches the disk: not for the screen's own thread."""
        import tempfile  # for this alone: not at the start

        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".screen-")
        except OSError:
            return False
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self._values, file, indent=1, sort_keys=True)
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            return False
        return True
