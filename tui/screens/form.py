"""The form: sections of fields in columns, a cursor, and one field that may be typed in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.geometry import Offset, Region
from textual.message import Message

from tui import keys
from tui.screens.fieldset import LABEL, Fieldset, Row
from tui.screens.tune_words import spell
from tui.widgets.glyphs import draws_unicode
from tui.widgets.line_edit import LineEdit

if TYPE_CHECKING:
    from trainer.config import FieldSpec
    from tui.draft import Draft

COLUMNS = (("model", "data", "optimizer", "schedule"), ("training", "monitor"))
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

    class Choosing(Message):
        """A field with a few values wants one chosen, beside the place where it stands."""

        def __init__(self, spec: FieldSpec, chosen: str, at: Offset) -> None:
            super().__init__()
            self.spec, self.chosen, self.at = spec, chosen, at

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.draft: Draft | None = None
        self.key = "optimizer.lr"
        self._edit: LineEdit | None = None
        self._before = ""

    def compose(self) -> ComposeResult:
        with Horizontal(id="columns"):
            for column in COLUMNS:
                with Vertical(classes="column"):
                    yield from map(Fieldset, column)

    def on_resize(self) -> None:
        self.draw()
        self.call_after_refresh(self.reveal)

    @property
    def editing(self) -> bool:
        return self._edit is not None

    @property
    def stacked(self) -> bool:
        """Whether the sections stand in one column."""
        return self.screen.has_class("-narrow")

    @property
    def spec(self) -> FieldSpec | None:
        """The field under the cursor."""
        return self.draft.fields().get(self.key) if self.draft is not None else None

    def take(self, draft: Draft) -> None:
        """Show another draft."""
        self.draft, self._edit = draft, None
        self.draw()
        self.call_after_refresh(self.reveal)

    # Drawing

    def draw(self) -> None:
        draft = self.draft
        if draft is None:
            return
        fields = draft.fields()
        if self.key not in fields:
            section = self.key.partition(".")[0]
            self.key = next((key for key in fields if key.startswith(f"{section}.")), next(iter(fields)))
        changed = {each.key for each in draft.differences()}
        for part, specs in draft.sections():
            names = [spec.key for spec in specs]
            here = names.index(self.key) if self.key in names else -1
            fieldset = self._fieldset(part.name)
            # A title on a line without corners wants its own gaps.
            fieldset.border_title = f" {part.name} " if self.stacked else part.name
            rows = [row_of(draft, spec, changed) for spec in specs]
            if not draws_unicode(self):
                rows = [replace(row, note=spell(row.note)) for row in rows]
            fieldset.show(rows, here, self._edit if here >= 0 else None)
            fieldset.set_class(here >= 0, "-here")
        self.post_message(self.Moved())

    def reveal(self) -> None:
        """Scroll so that the field under the cursor is seen, with its section's title where it is the first."""
        if self.draft is None or not self.is_attached:
            return
        row = self._row(self.key)
        y = self._line(self.key) - self.region.y + int(self.scroll_y)
        self.scroll_to_region(Region(0, y - (row == 0), 1, 1 + (row == 0)), animate=False, force=True)

    def _fieldset(self, section: str) -> Fieldset:
        return self.query_one(f"#section-{section}", Fieldset)

    def _row(self, key: str) -> int:
        section = key.partition(".")[0]
        return [each for each in self.draft.fields() if each.startswith(f"{section}.")].index(key) if self.draft else 0

    def _line(self, key: str) -> int:
        """The line of the terminal that a field stands on."""
        return self._fieldset(key.partition(".")[0]).content_region.y + self._row(key)

    # The cursor

    def go(self, key: str) -> None:
        self.key = key
        self.draw()
        self.reveal()

    def move(self, step: int) -> None:
        if self.draft is not None:
            fields = list(self.draft.fields())
            self.go(fields[max(0, min(len(fields) - 1, fields.index(self.key) + step))])

    def move_section(self, step: int) -> None:
        if self.draft is not None:
            names = [part.name for part, _ in self.draft.sections()]
            wanted = names[(names.index(self.key.partition(".")[0]) + step) % len(names)]
            self.go(next(key for key in self.draft.fields() if key.startswith(f"{wanted}.")))

    def move_beside(self, step: int) -> None:
        """To the field on the same line of the other column."""
        column = 0 if self.key.partition(".")[0] in COLUMNS[0] else 1
        if self.draft is None or self.stacked or column == max(0, step):
            return
        line = self._line(self.key)
        others = [key for key in self.draft.fields() if key.partition(".")[0] in COLUMNS[max(0, step)]]
        self.go(min(others, key=lambda key: abs(self._line(key) - line)))

    def on_fieldset_clicked(self, message: Fieldset.Clicked) -> None:
        again = message.key == self.key
        self.leave()
        self.go(message.key)
        if again:
            self.edit()

    # Typing

    def on_key(self, event: events.Key) -> None:
        if self._edit is None:
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
        if self._edit is not None:
            event.stop()
            self._edit.insert(event.text)
            self.set_text(self._edit.text)

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002 - Textual's signature
        return self._edit is not None and character is not None and character.isprintable()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"leave", "take_back"}:
            return self._edit is not None
        return super().check_action(action, parameters)

    def edit(self) -> None:
        """Type into the field under the cursor, or choose where there is a choice."""
        draft, spec = self.draft, self.spec
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
        if self.draft is not None:
            self.draft.type(self.key, text)
            self.draw()

    def leave(self, step: int = 0) -> None:
        """Come out of the field; `step` fields on, type there where there is something to type."""
        if self._edit is None:
            return
        self._edit = None
        before = self.key
        self.move(step)
        if self.key != before and self.spec is not None and self.spec.type not in {"bool", "choice"}:
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


def row_of(draft: Draft, spec: FieldSpec, changed: set[str]) -> Row:
    problem = draft.problems.get(spec.key, "")
    note = problem.partition(", not ")[0].removeprefix("must be ") if problem else " ".join(filter(None, (spec.unit, spec.bounds)))
    return Row(
        key=spec.key,
        label=spec.name,
        value=draft.text(spec),
        note=note,
        choice=spec.type in {"choice", "bool"},
        changed=spec.key in changed,
        wrong=bool(problem),
    )
