"""The command in a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

GRADTOP = [sys.executable, "-m", "gradtop"]
ROOT = Path(__file__).parents[2]


def environment(**variables: str) -> Mapping[str, str]:
    env = {name: value for name, value in os.environ.items() if name not in {"LC_ALL", "LC_CTYPE", "LANG", "TERM"}}
    return {**env, "PYTHONPATH": str(ROOT / ".src"), "LANG": "C.UTF-8", "TERM": "xterm-256color", **variables}
