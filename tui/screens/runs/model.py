"""Using the model of the run under the cursor: the commands do it, and what they print is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.geometry import Offset

from gradtop.trainer.analysis.run_row import RunRow
from gradtop.tui.framework.carried_out import carry_out
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


def use_model(app: GradtopApp, row: RunRow) -> None:
    """Ask for what, and do it beside everything else; the answer is a notification."""
    from gradtop.tui.dialogs.choose import Choose

    run, name = row.run, shown_name(row)

    def take(chosen: str | None) -> None:
        if chosen is not None:
            carry_out(app, f"{name}: {chosen}", (*USES[chosen], run.where))

    app.push_screen(Choose(name, tuple(USES), "evaluate", Offset(4, 4)), take)
