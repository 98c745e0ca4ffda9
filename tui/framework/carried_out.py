"""Commands of gradtop that a screen carries out beside everything else; what they print is shown."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp

PREFIX = "gradtop: "  # of an error that a command prints
SHOWN = 20.0  # seconds


def carry_out(app: GradtopApp, title: str, words: Sequence[str]) -> None:
    """Run `gradtop WORDS` in a thread; a notification has what it prints."""
    app.notify(f"{title} …", markup=False)
    command = [sys.executable, "-P", "-m", "gradtop", *words]
    threading.Thread(target=_carry_out, args=(app, title, command), name="command", daemon=True).start()


def _carry_out(app: GradtopApp, title: str, command: Sequence[str]) -> None:
    # In a session of its own: a file that is being written is finished, whatever becomes of this terminal.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", start_new_session=True, check=False)
    failed = done.returncode != 0
    text = (done.stderr if failed else done.stdout).strip().removeprefix(PREFIX)
    app.notify(text or f"exit code {done.returncode}", title=title, severity="error" if failed else "information", timeout=SHOWN, markup=False)
