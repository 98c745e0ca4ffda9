"""Textual's App with what we override of it: fewer bytes to the terminal, plain text in toasts and in the clipboard, no collection in the way of a key, a short farewell of a failure."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any

from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.await_complete import AwaitComplete
from textual.constants import DEFAULT_THEME
from textual.driver import Driver
from textual.filter import LineFilter
from textual.message_pump import MessagePump
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen
from textual.theme import Theme
from textual.timer import Timer
from textual.widget import Widget

from gradtop.trainer.record import clean
from gradtop.tui.framework import garbage
from gradtop.tui.framework.caches import keep_small
from gradtop.tui.framework.callbacks import count_quickly
from gradtop.tui.framework.key_order import OrderedKeys
from gradtop.tui.framework.repaint import Repaint
from gradtop.tui.framework.toasts import make_room, take_down
from gradtop.tui.terminal import Capabilities

HIDDEN = 0.5  # seconds
REGIONS = 64
FORGET_REGIONS = 60.0  # seconds
LONGEST_COPY = 1 << 20  # characters


def forget_regions(widgets: Iterable[object]) -> None:
    """Have each widget remember one region to draw in place of many: Textual (8.2) clears those of no widget that draws itself by lines."""
    for each in widgets:
        if isinstance(each, Widget) and len(each._dirty_regions) + len(each._repaint_regions) > REGIONS:  # noqa: SLF001
            for regions in (each._dirty_regions, each._repaint_regions):  # noqa: SLF001
                if regions:
                    regions.clear()
                    regions.add(each.outer_size.region)


dismiss, pump_timer = Screen.dismiss, MessagePump.set_timer


def dismiss_once(screen: Screen[Any], result: object = None) -> AwaitComplete:
    """Textual's own (8.2) takes the screen below away where a second key or click comes for one that was dismissed: the app ends at the last."""
    return dismiss(screen, result) if screen.app.screen is screen else AwaitComplete.nothing()  # type: ignore[no-untyped-call]


def set_timer(pump: MessagePump, *arguments: Any, **options: Any) -> Timer:
    """Textual's own (8.2) takes one that is late for one of many, and never comes to an end where the time is over already, as that of a toast on a busy machine."""
    timer = pump_timer(pump, *arguments, **options)
    timer._skip = False  # noqa: SLF001
    return timer


Screen.dismiss = dismiss_once  # type: ignore[method-assign,assignment]
MessagePump.set_timer = set_timer  # type: ignore[method-assign,assignment]
keep_small()
count_quickly()


class TerminalApp(OrderedKeys):
    """An app for a terminal of these capabilities.

    `written` counts the bytes sent to it, `failure` is the exception that ended the app, `comes_back` whether the screen
    that is being switched to was shown before. `hides` says that nothing is painted until a screen is whole.
    """

    def __init__(self, capabilities: Capabilities) -> None:
        self._variables_of: dict[str, dict[str, str]] = {DEFAULT_THEME: {}}  # by the name of the theme; in Textual's own nothing is drawn
        super().__init__(ansi_color=capabilities.ansi)
        self.capabilities = capabilities
        self.unicode = capabilities.unicode
        self.comes_back = False
        self.written = 0
        self.failure: BaseException | None = None
        self._to_ascii: list[LineFilter] = []
        self.hides = self._makes = self._collects = False
        self._hidden: Timer
        self._with_toasts: Screen[Any] | None = None

    # Each new screen is styled by the stylesheet as it is. Textual (8.2) then styles and lays out the screen that is left twice more, and at
    # the start all that is there.

    def _load_screen_css(self, screen: Screen[Any]) -> None:
        """Load what a screen brings, which concerns that screen alone."""
        if screen._css_update_count >= 0:  # noqa: SLF001 - it tells this to nobody else
            return
        for path in screen.css_path:
            if not self.stylesheet.has_source(str(path), ""):
                self.stylesheet.read(path)
        self.stylesheet.apply(screen)
        screen._css_update_count = self._css_update_count  # noqa: SLF001

    @property
    def current_theme(self) -> Theme:
        """As Textual's own (8.2), which copies the table of all themes, twice for each rule that is looked at."""
        return self._registered_themes.get(self.theme) or super().current_theme

    def get_css_variables(self) -> dict[str, str]:
        found = self._variables_of.get(self.theme)
        if found is None:
            found = self._variables_of[self.theme] = super().get_css_variables()
        self.theme_variables = found
        return found

    def _invalidate_css(self) -> None:
        if self.stylesheet._variables != self.get_css_variables():  # noqa: SLF001
            super()._invalidate_css()

    def refresh_css(self, animate: bool = True) -> None:
        """Style all that is shown anew, if its theme has changed since it was styled."""
        if any(screen._css_update_count != self._css_update_count for screen in self.screen_stack):  # noqa: SLF001
            super().refresh_css(animate)

    def get_driver_class(self) -> type[Driver]:
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":
            return driver
        from gradtop.tui.framework.driver import TerminalDriver

        return TerminalDriver

    def delay_update(self, delay: float = 0.05) -> None:
        """Hide for so long, as Textual does at each change of mode, that a screen is put together; one that comes back is whole."""
        if not self.comes_back:
            super().delay_update(delay)

    def hide_until_whole(self, *, new: bool = False) -> None:
        """Paint nothing until `is_whole` is called; `hidden_long` is called after as long as nobody minds. Of what is `new`, nearly all stays."""
        self.is_whole()
        self._begin_batch()
        self.hides = True
        self._makes = new and self._collects
        if self._makes:
            garbage.put_off()
        self.hide_longer()

    def hide_longer(self) -> None:
        self._hidden = self.set_timer(HIDDEN, self.hidden_long)

    def hidden_long(self) -> None:
        """What is hidden is not whole yet."""
        self.is_whole()

    def hide_at_most(self) -> None:
        """Whatever is waited for, what is there is painted after another while: a key that seems to do nothing is worse than half a screen."""
        self._hidden = self.set_timer(HIDDEN, self.is_whole)

    def is_whole(self) -> None:
        """The screen that is being opened shows what it has to show."""
        if self.hides:
            self.hides = False
            if self._makes:
                garbage.set_aside()
            self._hidden.stop()
            self._end_batch()
            if not self._batch_count:
                self.screen.refresh()

    def action_command_palette(self) -> None:
        from gradtop.tui.framework.palette import Commands, Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette([Commands]))

    def collect_garbage(self) -> None:
        """From the first frame on; `open_screen` has put it off."""
        if gc.isenabled():
            return
        garbage.begin(self)
        self._collects = True
        self.set_interval(FORGET_REGIONS, lambda: forget_regions(list(self._registry)))

    def copy_to_clipboard(self, text: str) -> None:
        """Copy; what is pasted into a shell types nothing but text."""
        super().copy_to_clipboard(clean(text, LONGEST_COPY, keep_newlines=True))

    def notify(
        self, message: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None, markup: bool = False
    ) -> None:
        """Show a toast of plain text."""
        super().notify(clean(message, keep_newlines=True), title=clean(title), severity=severity, timeout=timeout, markup=markup)

    def on_notify(self, event: Notify) -> None:
        """Before Textual's own, which adds this one."""
        gone = make_room(self._notifications, event.notification)
        if gone and self._with_toasts is not None:
            take_down(self._with_toasts, gone)

    def _refresh_notifications(self) -> None:
        seen = self._screen_stack[-1] if self._screen_stack else None
        if (left := self._with_toasts) is not None and left is not seen:
            take_down(left)
        self._with_toasts = seen
        super()._refresh_notifications()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        update = Repaint.of(renderable) if isinstance(renderable, ChopsUpdate | LayoutUpdate) else renderable
        with getattr(self._driver, "in_one_piece", nullcontext)():
            super()._display(screen, update)  # type: ignore[arg-type]  # of such an update it asks nothing but its bytes
        if isinstance(update, Repaint):
            self.written += update.size

    def _handle_exception(self, error: Exception) -> None:
        if self._exit:
            self._close_messages_no_wait()  # asked to leave: what is taken apart may miss its parts
            return
        # Of a thread's failure Textual hands on a wrapper without a stack; the one being handled has it.
        self.failure = self.failure or sys.exc_info()[1] or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without the pages of stack and locals that Textual would print: `open_screen` leaves a sentence and a file."""
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        # Textual paints what lies over a screen anew whenever that changes, even where nothing of it shows through.
        return [] if self.screen.styles.background.a == 1 else super()._background_screens

    def get_line_filters(self) -> Sequence[LineFilter]:
        if not self.unicode and not self._to_ascii:
            from gradtop.tui.widgets.glyphs import AsciiFilter

            self._to_ascii = [AsciiFilter()]  # the same for each line, which remembers what it was drawn with
        return [*super().get_line_filters(), *self._to_ascii]
