"""The question whether custom code may run that came with a run and was not started here before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gradtop.tui.dialogs.confirm import Confirm

if TYPE_CHECKING:
    from gradtop.trainer.launch.custom_code import Code
    from gradtop.tui.app import GradtopApp


def ask_to_run(app: GradtopApp, codes: Sequence[Code], again: Callable[[], None]) -> None:
    """`again` starts what was to be started."""
    named = " and ".join(map(str, codes))
    question = Confirm("Run this custom code?", f"{named}\nYou have not started it here before.", "run", "cancel")
    app.push_screen(question, lambda yes: again() if yes else None)
