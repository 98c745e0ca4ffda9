"""What the tune mode says about a field and about what will change."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from textual.widget import Widget

from tui.parts.tune import TunePart
from tui.screens.lines import Line, Lines
from tui.widgets.glyphs import draws_unicode

if TYPE_CHECKING:
    from trainer.config import FieldSpec
    from tui.draft import Draft


class About(Lines):
    """The field under the cursor in words, wrapped to the pane."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return spelled(self, wrapped(self._lines, width)[:height])


class Differences(Lines):
    """Old → new for each change, and below them the verdict, which always fits."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._verdict: Sequence[Line] = ()

    def show_changes(self, changes: Sequence[Line], verdict: Sequence[Line]) -> None:
        self._verdict = verdict
        self.show(changes)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        verdict = wrapped(self._verdict, width)
        room = height - len(verdict) - 1
        changes = list(self._lines)
        if len(changes) > room > 0:
            changes[room - 1 :] = [[(f"… and {len(changes) - room + 1} more", "muted")]]
        return spelled(self, [*changes, [("", "text")], *verdict] if changes else verdict)


def about_field(draft: Draft, spec: FieldSpec) -> list[Line]:
    """Help, what is expected, what it was; what is wrong comes first."""
    from trainer.config import to_text
    from tui.draft import APPLIED_LIVE

    lines: list[Line] = []
    if problem := draft.problems.get(spec.key):
        lines.append([(f"✕ {problem}", "error")])
    lines.append([(spec.help, "text")])
    facts = [f"{spec.expected} ({spec.unit})" if spec.unit else spec.expected]
    default = to_text(spec.default)
    if default and spec.name != "kind":
        facts.append(f"default {default}")
    if draft.was(spec) not in {"", draft.text(spec)}:
        facts.append(f"was {draft.was(spec)}")
    lines.append([(" · ".join(facts), "muted")])
    way = "in the running training (ctrl+l), or in a new run" if spec.key in APPLIED_LIVE else "in a new run, from the start"
    lines.append([(f"A change takes effect {way}.", "muted")])
    return lines


def what_will_change(draft: Draft, base: TunePart, *, live: bool, stale: bool) -> tuple[list[Line], list[Line]]:
    """A line for each change with its way, and the verdict: what is to be put right, or the way that all of them take.

    `live` says that the base is a run that can take changes now, `stale` that another run is watched.
    """
    from tui.draft import APPLIED_LIVE, LIVE, NEW_RUN

    name = base.name or "the defaults"
    differences = draft.differences()
    wide = max((len(each.key) for each in differences), default=0)
    old = max((len(each.old or "–") for each in differences), default=0)
    new = max((len(each.new) for each in differences), default=0)
    changes: list[Line] = []
    for each in differences:
        way = LIVE if live and each.key in APPLIED_LIVE else NEW_RUN
        changes.append(
            [
                (each.key.ljust(wide + 2), "text"),
                ((each.old or "–").rjust(old), "muted"),
                (" → ", "muted"),
                (each.new.ljust(new + 3), "warning"),
                (way, "primary" if way == LIVE else "muted"),
            ]
        )
    verdict: list[Line] = []
    if not changes:
        verdict.append([(f"Nothing yet: this is what {name} has. ctrl+s starts a new run with it." if base.run else "These are the defaults. ctrl+s starts a run with them.", "muted")])
    if draft.problems:
        verdict.append([(f"✕ to be put right: {', '.join(draft.problems)}", "error")])
    elif live and changes and draft.live_changes():
        verdict.append([("strongest way: live (ctrl+l); or a new run (ctrl+s)", "text")])
    elif changes:
        verdict.append([("strongest way: a new run, from the start (ctrl+s)", "text")])
    if stale:
        verdict.append([(f"over {name}, not the run you watch; esc takes up that one", "muted")])
    return changes, verdict


def wrapped(lines: Sequence[Line], width: int) -> list[Line]:
    """Lines of one piece each, wrapped."""
    return [[(piece, line[0][1])] for line in lines for piece in wrap(line[0][0], max(10, width)) or [""]]


def spelled(widget: Widget, lines: Sequence[Line]) -> Sequence[Line]:
    """For a terminal with nothing but ASCII, signs spelt out: ≥ must not become >, nor → look like it."""
    return lines if draws_unicode(widget) else [[(spell(text), tone) for text, tone in line] for line in lines]


def spell(text: str) -> str:
    return text.replace("≥", ">=").replace("≤", "<=").replace("→", "->")


def counted(count: int) -> str:
    return f"{count} change{'s' if count != 1 else ''}"
