"""The Python in the pages of docs/, run as written."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path
from typing import Any

from gradtop.trainer.record import Run

DOCS = Path(__file__).parents[1] / "docs"


def python_of(page: str) -> list[str]:
    """The Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / f"{page}.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def executed(code: str, run: Run, checkpoint: Path, directory: Path) -> dict[str, Any]:
    """The names that code of a page defines in a directory which holds the checkpoint.pt and the run.toml it reads."""
    shutil.copy(checkpoint, directory / "checkpoint.pt")
    shutil.copy(run.config, directory / "run.toml")
    found: dict[str, Any] = {}
    with contextlib.chdir(directory):
        exec(code, found)  # noqa: S102 - our own documentation
    return found
