"""Paths as people write them, with `~`."""

from __future__ import annotations

import os
from pathlib import Path


def at_home(written: str) -> Path:
    """With the home directory in place of a leading `~`; as it stands where there is no such user, as in a shell, and is no file then."""
    return Path(os.path.expanduser(written))  # noqa: PTH111 - pathlib's fails where there is no such user
