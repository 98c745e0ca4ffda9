"""The form: sections of fields in columns, a cursor, and one field that may be typed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.geometry import Offset, Region
from textual.message import Message

from gradtop.tui import keys
from gradtop.tui.screens.tune.fieldset import LABEL, Fieldset
from gradtop.tui.screens.tune.form_rows import COLUMNS, ORDER, QUIET, field_rows, folded_row, matches, stops
from gradtop.tui.screens.tune.text import spell
from gradtop.tui.widgets.filter_line import FilterLine
from gradtop.tui.widgets.glyphs import draws_unicode
from gradtop.tui.widgets.line_edit import LineEdit

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradtop.trainer.fields.spec import FieldSpec
    from gradtop.tui.screens.tune.draft import Draft
    from gradtop.tui.screens.tune.texts import FormTexts

CHOSEN = frozenset({"bool", "choice"})  # types of fields that nobody types into
LEAVE = {"enter": 0, "tab": 1, "shift+tab": -1, "down": 1, "up": -1}


class Form(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Shows a draft and changes it, key by key.

    It has the focus for as long as its mode is visible and takes the keys of a field itself, in the order in which they
    come: a binding would act later than a letter typed after it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(row.key, row.action, row.label, show=row.footer, key_display=row.name, tooltip=row.help, id=row.id)
        for row in keys.KEYS
        if row.id.startswith("field.")
    ]

    class Moved(Message):
        """The cursor moved, or the draft changed."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Form.Moved)

    class Touched(Message):
        """Somebody has moved the cursor, folded or filters: what checks the fields may soon be needed."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Form.Touched)

    class Choosing(Message):
        """A field with a few values wants one chosen, beside the place where it stands."""

        def __init__(self, spec: FieldSpec, chosen: str, at: Offset) -> None:
            super().__init__()
            self.spec, self.chosen, self.at = spec, chosen, at

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.draft: FormTexts | None = None
        self.ready: Callable[[], Draft | None] = lambda: None  # the form as a draft, which is checked from then on
        self.key = "optimizer.lr"
        self._edit: LineEdit | None = None
        self._before = ""
        self._opened: dict[str, bool] = {}  # what somebody opened or folded
        self.filter = FilterLine()

    def compose(self) -> ComposeResult:
        with Horizontal(id="columns"):
            for column in COLUMNS:
                with Vertical(classes="column"):
                    yield from map(Fieldset, column)

    def on_resize(self) -> None:
        self.draw()
        self.call_after_refresh(self.reveal)

    def watch_has_focus(self, _has_focus: bool) -> None:
        # Textual (8.2) would style all sections anew, of which none shows the focus.
        if self.is_attached:
            self.app.stylesheet.apply(self)

    @property
    def editing(self) -> bool:
        return self._edit is not None

    @property
    def stacked(self) -> bool:
        """Whether the sections stand in one column."""
        return self.screen.has_class("-narrow")

    def folded(self, section: str) -> bool:
        """Whether a section is one line: by hand, or because it has nothing to say."""
        if self.draft is None or self.filter.text:
            return False
        if section in self._opened:
            return not self._opened[section]
        part = next(part for part, _ in self.draft.sections() if part.name == section)
        return section in QUIET and self.draft.is_plain(part)

    def stops(self) -> list[str]:
        """What the cursor can stand on."""
        return stops(self.draft, self.folded, self._words) if self.draft is not None else []

    @property
    def _words(self) -> list[str]:
        """What is filtered by."""
        return self.filter.text.casefold().replace(".", " ").split()

    @property
    def spec(self) -> FieldSpec | None:
        """The field under the cursor; None on a folded section, and where the filter leaves nothing."""
        return self.draft.fields().get(self.key) if self.draft is not None and self.key in self.stops() else None

    def take(self, draft: FormTexts) -> None:
        """Show another draft. Whoever types into a field that it has, too, goes on: the next key must not mean something else."""
        before, self.draft = self.draft, draft
        self._edit = self._carried_over(before, draft)
        self.draw()
        self.call_after_refresh(self.reveal)

    def _carried_over(self, before: FormTexts | None, draft: FormTexts) -> LineEdit | None:
        edit, spec = self._edit, self.spec
        if edit is None or before is None or spec is None or spec.type in CHOSEN:
            return None
        typed = edit.text != self._before
        if self._before == before.original(spec):
            self._before = draft.original(spec)
        return edit if typed else LineEdit(self._before, len(self._before), selected=True)

    # Drawing

    def draw(self) -> None:
        draft = self.draft
        if draft is None:
            return
        keys = self.stops()
        if self.key not in keys:
            section = self.key.partition(".")[0]
            self.key = next((key for key in keys if key.startswith(f"{section}.")), keys[0] if keys else self.key)
        changed = {each.key for each in draft.differences()}
        for part, specs in draft.sections():
            fieldset = self._fieldset(part.name)
            # A title on a line without corners wants its own gaps.
            fieldset.border_title = f" {part.name} " if self.stacked else part.name
            folded = self.folded(part.name)
            single = len(specs) == 1
            rows = [folded_row(draft, part, specs, changed)] if folded else field_rows(draft, part, [spec for spec in specs if matches(draft, spec, self._words)], changed)
            here = next((place for place, row in enumerate(rows) if row.key == self.key), -1)
            if not draws_unicode(self):
                rows = [row._replace(note=spell(row.note)) for row in rows]
            fieldset.display = bool(rows)
            fieldset.set_class(folded or single, "-line")
            fieldset.show(rows, here, self._edit if here >= 0 else None)
            fieldset.set_class(here >= 0, "-here")
        for section in {*ORDER} - {part.name for part, _ in draft.sections()}:
            self._fieldset(section).display = False
        self.post_message(self.Moved())

    def reveal(self) -> None:
        """Scroll so that the field under the cursor is seen, with its section's title where it is the first."""
        if self.draft is None or not self.is_attached or self.key not in self.stops():
            return
        row = self._row(self.key)
        y = self._line(self.key) - self.region.y + int(self.scroll_y)
        self.scroll_to_region(Region(0, y - (row == 0), 1, 1 + (row == 0)), animate=False, force=True)

    def _fieldset(self, section: str) -> Fieldset:
        return self.query_one(f"#section-{section}", Fieldset)

    def _row(self, key: str) -> int:
        section = key.partition(".")[0]
        return [each for each in self.stops() if each.startswith(f"{section}.")].index(key)

    def _line(self, key: str) -> int:
        """The line of the terminal that a field stands on."""
        return self._fieldset(key.partition(".")[0]).content_region.y + self._row(key)

    # The cursor

    def go(self, key: str) -> None:
        """To a field, whose section is opened where it is folded."""
        section, _, name = key.partition(".")
        if name and self.folded(section):
            self._opened[section] = True
        self.key = key
        self.post_message(self.Touched())
        self.draw()
        self.call_after_refresh(self.reveal) if name and self._opened.get(section) else self.reveal()

    def move(self, step: int) -> None:
        if keys := self.stops():
            self.go(keys[max(0, min(len(keys) - 1, keys.index(self.key) + step))])

    def move_section(self, step: int) -> None:
        keys = self.stops()
        names = list(dict.fromkeys(key.partition(".")[0] for key in keys))
        if names:
            wanted = names[(names.index(self.key.partition(".")[0]) + step) % len(names)]
            self.go(next(key for key in keys if key.startswith(f"{wanted}.")))

    def move_beside(self, step: int) -> None:
        """To the field on the same line of the other column."""
        column = 0 if self.key.partition(".")[0] in COLUMNS[0] else 1
        if self.key not in self.stops() or self.stacked or column == max(0, step):
            return
        line = self._line(self.key)
        others = [key for key in self.stops() if key.partition(".")[0] in COLUMNS[max(0, step)]]
        if others:
            self.go(min(others, key=lambda key: abs(self._line(key) - line)))

    def fold(self) -> None:
        """Fold the section under the cursor into one line, or open it."""
        if self.key not in self.stops():
            return
        section, _, name = self.key.partition(".")
        self._opened[section] = not name
        self.key = f"{section}." if name else f"{section}.kind"
        self.draw()
        self.call_after_refresh(self.reveal)

    def on_fieldset_clicked(self, message: Fieldset.Clicked) -> None:
        again = message.key == self.key
        self.leave()
        self.go(message.key)
        if again:
            self.edit()

    # The filter

    @property
    def filtering(self) -> bool:
        """Whether a filter is being typed."""
        return self.filter.edit is not None

    def open_filter(self) -> None:
        self.leave()
        self.post_message(self.Touched())
        self.filter.open()
        self.draw()

    def clear_filter(self) -> bool:
        """Show all fields again; whether some were hidden."""
        if not self.filter.shown:
            return False
        self.filter.clear()
        self.draw()
        self.call_after_refresh(self.reveal)
        return True

    # Typing

    def on_key(self, event: events.Key) -> None:
        if self.filtering:
            if not self.filter.press(event.key, event.character):
                return
            self.draw()
            self.call_after_refresh(self.reveal)
        elif self._edit is None:
            if event.key != "enter":
                return
            self.edit()
        elif event.key in LEAVE:
            self.leave(LEAVE[event.key])
        elif event.key == "escape":
            self.take_back()
        elif self._edit.press(event.key, event.character):
            self.set_text(self._edit.text)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        if self.filtering:
            event.stop()
            self.filter.paste(event.text)
            self.draw()
        elif self._edit is not None:
            event.stop()
            self._edit.insert(event.text)
            self.set_text(self._edit.text)

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002 - Textual's signature
        return (self._edit is not None or self.filtering) and character is not None and character.isprintable()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"leave", "take_back"}:
            return self._edit is not None
        return super().check_action(action, parameters)

    def edit(self) -> None:
        """Type into the field under the cursor, or choose where there is a choice."""
        if self.draft is not None and self.key.endswith("."):
            self.fold()
        draft, spec = self.ready(), self.spec
        if draft is None or spec is None:
            return
        if spec.type == "bool":
            self.set_text("false" if draft.text(spec) == "true" else "true")
        elif spec.type == "choice":
            at = Offset(self._fieldset(spec.section).content_region.x + LABEL - 2, self._line(spec.key))
            self.post_message(self.Choosing(spec, draft.text(spec), at))
        else:
            self._before = draft.text(spec)
            self._edit = LineEdit(self._before, len(self._before), selected=True)
            self.draw()

    def set_text(self, text: str) -> None:
        """Put a text into the field under the cursor."""
        if (draft := self.ready()) is not None:
            draft.type(self.key, text)
            self.draw()

    def leave(self, step: int = 0) -> None:
        """Come out of the field; `step` fields on, type there where there is something to type."""
        if self._edit is None:
            return
        self._edit = None
        before = self.key
        self.move(step)
        if self.key != before and self.spec is not None and self.spec.type not in CHOSEN:
            self.edit()

    def take_back(self) -> None:
        if self._edit is not None:
            self._edit = None
            self.set_text(self._before)

    def reset(self) -> None:
        """Put back what the field under the cursor had."""
        if self.draft is not None and self.spec is not None:
            self.set_text(self.draft.original(self.spec))

    def action_leave(self, step: int) -> None:
        self.leave(step)

    def action_take_back(self) -> None:
        self.take_back()
