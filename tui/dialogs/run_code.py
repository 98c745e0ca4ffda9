"""Confirms that custom code of a run may be executed which was not started here before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gradtop.tui.dialogs.confirm import Confirm

if TYPE_CHECKING:
    from textual.app import App

    from gradtop.trainer.launch.custom_code import Code


def confirm_custom_code(app: App[None], codes: Sequence[Code], again: Callable[[], None]) -> None:
    """Show the dialog; `again` starts the run once the user confirms."""
    named = " and ".join(map(str, codes))
    question = Confirm("Run this custom code?", f"{named}\nYou have not started it here before.", "run", "cancel")
    app.push_screen(question, lambda yes: again() if yes else None)
