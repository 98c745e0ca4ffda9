"""The quiet line at the bottom: the modes on their numbers, and the keys that act now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from gradtop.tui import keys

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp

KeyEntry = tuple[str, str, str, str]  # key, label, action, tone


class KeyBar(Widget):
    """Modes on the left, keys on the right; what does not fit is left out from the right (`?` shows all).

    The modes have their titles where all keys fit beside these; keys that are to use room that is left are the first to be left out.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keybar--key", "keybar--label", "keybar--here"}
    DEFAULT_CSS = """
    KeyBar {
        height: 1; width: 1fr; background: $background;
        & > .keybar--key { color: $primary; }
        & > .keybar--label { color: $muted; }
        & > .keybar--here { color: $foreground; text-style: bold underline; }
    }
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode
        self._entries: list[tuple[int, int, str]] = []
        self._strip: Strip | None = None
        self._acted: list[KeyEntry] = []
        self._is_asked = False  # whether `_acted` is what acts now
        self._is_full = False  # whether the modes had their titles; while somebody types it stays as it was

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.redraw())

    def on_resize(self) -> None:
        self._strip = None

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strip = None

    def redraw(self) -> None:
        # While another mode is shown, what Textual finds can act is that mode's; under a dialog it is the dialog's.
        shown = self.screen in self.app.screen_stack
        if shown and not self.screen.is_current:
            return
        # Each part of a mode that is being put together asks for it. What is to be drawn anyway looks for what acts as it is drawn.
        if not shown or cast("GradtopApp", self.app).hides or self._strip is None:
            self._strip, self._is_asked = None, False
            self.refresh()
        elif (acting := self._acting()) != self._acted:
            self._acted, self._strip, self._is_asked = acting, None, True
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        for start, end, action in self._entries:
            if start <= event.x < end:
                self.app.call_later(self.app.run_action, action, self.screen)

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - as Textual calls it
        return self._lay_out()

    def _lay_out(self) -> Strip:
        if self._strip is not None:
            return self._strip
        width = self.size.width
        if self._is_asked:
            self._is_asked = False  # a moment ago, by `redraw`
        else:
            self._acted = self._acting()
        acting = [entry for entry in self._acted if entry[3] != SPARE]
        spare = [entry for entry in self._acted if entry[3] == SPARE and not self._typing]
        here = keys.mode_named(self._mode) if self._mode else None
        modes_here = keys.beside(self._mode)
        full: list[KeyEntry] = [(keys.number(m), m.title, f"app.mode('{m.name}')", "here" if m is here else "label") for m in modes_here]
        numbers: list[KeyEntry] = [
            (keys.number(m), m.title if m is here else "", f"app.mode('{m.name}')", "here" if m is here else "label") for m in modes_here
        ]
        kept = KEPT | {"app.back"} if getattr(self.screen, "is_inside", False) else KEPT
        least = sum(_width(entry) for entry in (*acting, *spare) if entry[2] != "app.log")
        fits = GAP + sum(map(_width, full)) + least <= width
        if not self._typing:
            self._is_full = fits
        modes = full if self._is_full and fits else numbers
        room = width - GAP - sum(map(_width, modes))
        right = list(acting)
        while right and sum(map(_width, right)) > room:
            right.remove(next((entry for entry in reversed(right) if entry[2] not in kept), right[0]))
        place = next((number for number, entry in enumerate(right) if entry[2] in GENERAL), len(right))
        for entry in spare:
            if sum(map(_width, right)) + _width(entry) <= room:
                right.insert(place, entry)
                place += 1
        plain = self.rich_style  # looked for anew each time that it is asked for, up to the app
        styles = {name: self.get_component_rich_style(f"keybar--{name}") for name in ("key", "label", "here")}
        segments = [Segment(" ", plain)]
        self._entries, x = [], 1
        gap = width - 1 - sum(map(_width, (*modes, *right)))
        for entry in (*modes, ("", "", "", ""), *right):
            if not entry[2]:
                segments.append(Segment(" " * max(0, gap), plain))
                x += max(0, gap)
                continue
            key, label, action, tone = entry
            segments += [Segment(key, styles["key"]), Segment(" ", plain)]
            if label:
                segments += [Segment(label, styles["here" if tone == "here" else "label"]), Segment(" ", plain)]
            self._entries.append((x, x + _width(entry), action))
            x += _width(entry)
        self._strip = Strip(segments).adjust_cell_length(width, plain)
        return self._strip

    @property
    def _typing(self) -> bool:
        focused = self.screen.focused
        return focused is not None and focused.check_consume_key("a", "a")

    def _acting(self) -> list[KeyEntry]:
        found: list[KeyEntry] = []
        rows = {row.id: row for row in cast("GradtopApp", self.app).keymap.table}
        explained = getattr(self.screen, "is_explained", False)
        for active in self.screen.active_bindings.values():
            binding = active.binding
            row = rows.get(binding.id or "")
            if binding.show and active.enabled and not (explained and row is not None and row.modes):
                label = self._label(binding.description if row is None or row.footer else row.spare, binding.id)
                name = (row.name if row.footer else keys.in_bar(row)) if row is not None else binding.key_display or binding.key
                entry = (name, label, binding.action, "label" if row is None or row.footer else SPARE)
                if label and entry not in found:  # two keys may do the same, under one name
                    found.append(entry)
        order = {key.action: index for index, key in enumerate(keys.KEYS) if not key.modes or self._mode in key.modes}
        return sorted(found, key=lambda entry: (entry[2] in GENERAL, order.get(entry[2], 0)))

    def _label(self, label: str, identity: str | None) -> str:
        """What the key would do now, where that depends on the run or the size."""
        name = getattr(self.screen, "label", None)
        return str(name(identity, label)) if name is not None else label


SPARE = "spare"  # the tone of a key that stands where there is room left
GAP = 3  # cells at the left edge, and between the modes and the keys at least
GENERAL = frozenset({"app.log", "app.help", "app.leave"})
KEPT = frozenset({"app.focus_next", "app.help", "app.leave", "app.pause_or_continue", "app.stop"})  # left out last


def _width(entry: KeyEntry) -> int:
    key, label, _action, _tone = entry
    return cell_len(key) + 1 + (cell_len(label) + 1 if label else 0)
