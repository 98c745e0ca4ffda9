"""What stands over a mode until it is answered or left."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.screen import ModalScreen, ScreenResultType

from gradtop.tui.framework.pointing import Pointing


class Dialog(ModalScreen[ScreenResultType], Pointing[ScreenResultType]):
    """Its widgets are styled as they are mounted, and by Textual (8.2) once more whenever the screen opens or comes back; here only where the theme is another one."""

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        if self._css_update_count == self.app._css_update_count:  # noqa: SLF001 - they tell this to nobody else
            event.refresh_styles = False

    async def _on_message(self, message: Message) -> None:
        # What a thread has found for it may come as it closes: its widgets go first, and nobody waits for it any more.
        if not (self._pruning and type(message).__module__.startswith("gradtop.")):
            await super()._on_message(message)
