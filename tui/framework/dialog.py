"""What stands over a mode until it is answered or left."""

from __future__ import annotations

from textual import events
from textual.screen import ModalScreen, ScreenResultType


class Dialog(ModalScreen[ScreenResultType]):
    """Its widgets are styled as they are mounted, and by Textual (8.2) once more whenever the screen opens or comes back; here only where the theme is another one."""

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        if self._css_update_count == self.app._css_update_count:  # noqa: SLF001 - they tell this to nobody else
            event.refresh_styles = False
