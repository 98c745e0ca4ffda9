"""Where gradtop keeps what it knows of its user from one command to the next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state_home(env: Mapping[str, str]) -> Path:
    """`gradtop` in XDG_STATE_HOME; one that is not absolute does not count (XDG base directory specification)."""
    home = env.get("XDG_STATE_HOME", "")
    base = Path(home) if home.startswith("/") else Path(env.get("HOME") or "/nonexistent") / ".local" / "state"
    return base / "gradtop"
