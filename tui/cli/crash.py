"""What is left of a screen that failed: one sentence on the terminal, and a file that tells where and how."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gradtop.trainer import __version__
from gradtop.trainer.record import clean
from gradtop.tui.cli.installation import replaced
from gradtop.tui.cli.output import print_line


def error_report(error: BaseException) -> str:
    """The error with its stack, headed by what a report of it needs."""
    import platform
    import traceback

    where = f"gradtop {__version__}, Python {platform.python_version()}, {platform.platform()}, TERM={os.environ.get('TERM', '')}"
    return f"{where}\n\n{''.join(traceback.format_exception(error))}"


def leave(error: BaseException, path: Path) -> None:
    """Write the file and print the message; where no file can be written, all of it goes to standard error."""
    text = error_report(error)
    names = " and ".join(replaced())
    sentence = f"gradtop: {names} changed on disk while the screen was open ({summary(error)}); start it again." if names else f"gradtop: the screen failed: {summary(error)}."
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        print_line(f"{sentence} Runs are not affected. Please report this:\n\n{text}", sys.stderr)
    else:
        print_line(f"{sentence} Runs are not affected. Details for a bug report: {path}", sys.stderr)


def summary(error: BaseException) -> str:
    message = clean(str(error), 200).strip().rstrip(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
