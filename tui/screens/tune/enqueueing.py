"""Tune over a search: what the form has as a trial of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from gradtop.tui.screens.tune.screen import Tune


class EnqueueAction:
    """For the screen of Tune."""

    def action_enqueue_trial(self) -> None:
        """Have the search that the form stands over train a trial with these values of its space."""
        screen = cast("Tune", self)
        screen.form.leave()
        draft, base = screen.ready(), screen.base
        if draft is None or draft.config is None or base.search is None:
            return
        if other := [change.key for change in draft.changes() if not any(f".{change.key}".endswith(f".{key}") for key in base.searched)]:
            screen.notify(f"the search has no {other[0]}: only keys of its space can differ ({', '.join(base.searched)})", title="no trial", severity="error")
            return
        asked = partial(screen.gradtop.launcher.ask_search, base.search, "add_trial", {"params": draft.values_of(base.searched)})
        screen.gradtop.launch(asked, "a trial was added to the search", watch=False)
