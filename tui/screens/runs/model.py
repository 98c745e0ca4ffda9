"""Using the model of the run under the cursor: the commands do it, and what they print is shown."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.geometry import Offset

from gradtop.trainer.analysis.run_row import RunRow
from gradtop.tui.screens.runs.text import shown_name

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp

# What can be chosen, and the words of its command but for the run.
USES: Mapping[str, Sequence[str]] = {
    "evaluate": ("eval",),
    "export safetensors": ("export", "--model", "safetensors", "--overwrite"),
    "export pt2": ("export", "--model", "pt2", "--overwrite"),
    "export onnx": ("export", "--model", "onnx", "--overwrite"),
}
PREFIX = "gradtop: "  # of an error that a command prints
SHOWN = 20.0  # seconds


def use_model(app: GradtopApp, row: RunRow) -> None:
    """Ask for what, and do it beside everything else; the answer is a notification."""
    from gradtop.tui.dialogs.choose import Choose

    run, name = row.run, shown_name(row)

    def take(chosen: str | None) -> None:
        if chosen is not None:
            app.notify(f"{name}: {chosen} …", markup=False)
            command = [sys.executable, "-P", "-m", "gradtop", *USES[chosen], run.where]
            threading.Thread(target=_carry_out, args=(app, f"{name}: {chosen}", command), name="use model", daemon=True).start()

    app.push_screen(Choose(name, tuple(USES), "evaluate", Offset(4, 4)), take)


def _carry_out(app: GradtopApp, title: str, command: Sequence[str]) -> None:
    # In a session of its own: a file that is being written is finished, whatever becomes of this terminal.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", start_new_session=True, check=False)
    failed = done.returncode != 0
    text = (done.stderr if failed else done.stdout).strip().removeprefix(PREFIX)
    app.notify(text or f"exit code {done.returncode}", title=title, severity="error" if failed else "information", timeout=SHOWN, markup=False)
