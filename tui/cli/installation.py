"""Whether what is installed is still what this command began with."""

from __future__ import annotations

import os
import sys
import time

_began = 0.0  # 0 where another program calls the commands


def begin() -> None:
    """Note when the command began."""
    global _began  # noqa: PLW0603 - it is of the process
    _began = time.time()


def replaced() -> list[str]:
    """The packages that were installed anew, edited or removed since the command began: what is imported of them from then on does
    not fit what was imported before.
    """
    found = set()
    for name, module in list(sys.modules.items()) if _began else []:
        file = getattr(module, "__file__", None)
        try:
            if isinstance(file, str) and file.endswith(".py") and os.stat(file).st_ctime > _began:  # noqa: PTH116 - pathlib may be gone too
                found.add(name.partition(".")[0])
        except FileNotFoundError:
            found.add(name.partition(".")[0])
        except OSError:
            continue
    return sorted(found)
