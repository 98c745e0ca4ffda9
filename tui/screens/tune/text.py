"""What the tune mode says about a field and about what will change."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from textual.widget import Widget

from gradtop.trainer.fields.text import to_text
from gradtop.tui import keys
from gradtop.tui.format import ellipsis
from gradtop.tui.framework.lines import Lines, TextLine
from gradtop.tui.screens.tune.data import TunePart
from gradtop.tui.screens.tune.effect import Way, consequences_of, place
from gradtop.tui.widgets.glyphs import draws_unicode

if TYPE_CHECKING:
    from gradtop.trainer.fields.spec import FieldSpec
    from gradtop.trainer.launch.fork_weights import ForkWeights
    from gradtop.tui.screens.tune.form import Form
    from gradtop.tui.screens.tune.texts import FormTexts


FACTS_FROM_END = 2  # where about_field puts what is expected, counted from the end


class FieldHelp(Lines):
    """The field under the cursor in words, wrapped to the pane; where they are too long, what is expected gives way."""

    def lines(self, width: int, height: int) -> Sequence[TextLine]:
        parts = [wrapped([line], width) for line in self._lines]
        over = sum(map(len, parts)) - height
        if over > 0 and len(parts) > FACTS_FROM_END:
            facts = parts[-FACTS_FROM_END]
            parts[-FACTS_FROM_END] = shortened(facts, max(0, len(facts) - over), width)
        return spelled(self, [line for part in parts for line in part][:height])


class Differences(Lines):
    """Old → new for each change, and below them the effect, which always fits."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._effect: Sequence[TextLine] = ()

    def show_changes(self, changes: Sequence[TextLine], effect: Sequence[TextLine]) -> None:
        self._effect = effect
        self.show(changes)

    def lines(self, width: int, height: int) -> Sequence[TextLine]:
        effect = wrapped(self._effect, width)
        room = height - len(effect) - 1
        changes = list(self._lines)
        if len(changes) > room > 0:
            changes[room - 1 :] = [[(f"… and {len(changes) - room + 1} more", "muted")]]
        return spelled(self, [*changes, [("", "text")], *effect] if changes else effect)


class FilterRow(Lines):
    """The filter as it is typed, and how many fields it shows."""

    def show_filter(self, form: Form) -> None:
        edit = form.filter.edit
        text, caret = edit.view(40) if edit is not None else (form.filter.text, -1)
        count = len(form.stops())
        matches = f"{count} field{'s' if count != 1 else ''}" if count else "no field matches"
        tone = "selected" if edit is not None and edit.selected else "strong"
        pieces: list[tuple[str, str]] = [(" / ", "primary"), (text[:caret] if caret >= 0 else text, tone)]
        if caret >= 0:
            pieces += [("█", "primary"), (text[caret:].rstrip(), "strong")]
        self.show([[*pieces, (f"   {matches}   {'enter applies, esc shows all' if edit is not None else 'esc shows all'}", "muted")]])


def about_field(draft: FormTexts, spec: FieldSpec, ways: str) -> list[TextLine]:
    """Help, what is expected, what it was, and the `ways` in which it takes effect; what is wrong comes first."""
    lines: list[TextLine] = []
    if problem := draft.problems.get(spec.key) or draft.refusal(spec):
        lines.append([(f"✕ {problem}", "error")])
    lines.append([(spec.help, "text")])
    facts = [f"{spec.expected} ({spec.unit})" if spec.unit else spec.expected]
    default = to_text(spec.default)
    if default and spec.name != "kind":
        facts.append(f"default {default}")
    if draft.was(spec) not in {"", draft.text(spec)}:
        facts.append(f"was {draft.was(spec)}")
    lines.append([(" · ".join(facts), "muted")])
    lines.append([(f"Takes effect {ways}.", "muted")])
    return lines


def where_it_takes_effect(effect: str, *, live: bool, forks: bool) -> str:
    """The ways that a change to the run can take: `live` where it takes changes now, and in a fork where it has, or can get, a checkpoint."""
    if effect == "live" and live:
        return f"live ({keys.name('tune.live')}), in a fork or a new run" if forks else f"live ({keys.name('tune.live')}) or in a new run"
    if effect in {"live", "fork"} and forks:
        return f"in a fork ({keys.name('tune.fork')}) or a new run"
    return "in a new run, from the start"


def about_section(draft: FormTexts, section: str) -> list[TextLine]:
    """A folded section: what is in it."""
    specs = next(specs for part, specs in draft.sections() if part.name == section)
    settings = ", ".join(f"{spec.name} {draft.text(spec) or '–'}" for spec in specs)
    return [[(settings, "text")], [(f"{keys.name('tune.edit')} expands it, {keys.name('tune.fold')} collapses a section", "muted")]]


def what_will_change(
    draft: FormTexts, base: TunePart, way: Way, *, live: bool, stale: bool, now: str = "", scaled: tuple[str, str] = ("", ""), weights: ForkWeights | None = None
) -> tuple[list[TextLine], list[TextLine]]:
    """A line for each change with its way, and the effect: what is to be put right, or the way that all of them take.

    `scaled`: what a new learning rate that is applied live makes of the one of now, with its schedule scaled and with none.
    `live` says that the base is a run that can take changes now, `stale` that another run is watched, `now` what a live change does at once,
    `weights` what a fork keeps of them, where that is known.
    """
    differences = draft.differences()
    wide = max((len(each.key) for each in differences), default=0)
    old = min(22, max((len(each.old or "–") for each in differences), default=0))
    new = max((len(each.new) for each in differences), default=0)
    changes: list[TextLine] = []
    for each in differences:
        takes = each.effect if base.run is not None else "restart"
        takes = "fork" if takes == "live" and not live else takes
        changes.append(
            [
                (each.key.ljust(wide + 2), "text"),
                ((each.old or "–").rjust(old), "muted"),
                (" → ", "muted"),
                (each.new.ljust(new + 3), "warning"),
                (takes, "primary" if takes == "live" else "muted"),
            ]
        )
    effect = effect_lines(draft, base, way, live=live, weights=weights)
    if scaled[0] and live and not draft.problems:
        effect.append([(f"live: {scaled[0]}, or {scaled[1]}", "text")])
    if now and not draft.problems:
        effect.append([(f"▲ live, {now}", "warning")])
    if stale:
        effect.append([(f"based on {base.name or 'the defaults'}, not on the watched run; {keys.name('tune.discard')} switches to that one", "muted")])
    return changes, effect


def effect_lines(draft: FormTexts, base: TunePart, way: Way, *, live: bool, weights: ForkWeights | None = None) -> list[TextLine]:
    """The strongest way, which key takes it, and what it keeps and drops."""
    if draft.problems:
        return [[(f"✕ to fix: {', '.join(draft.problems)}", "error")]]
    if not draft.changes_something:
        return [[(f"No changes to {base.name}. {keys.name('tune.start')} starts a new run with the same configuration." if base.run else f"These are the defaults. {keys.name('tune.start')} starts a run with them.", "muted")]]
    now = draft.live_changes() if live else {}
    if now and draft.strongest() == "live":
        forks = f"; or {f'a fork from {place(way.checkpoint)}' if way.checkpoint else 'a new run from the beginning'} ({keys.name('tune.start')}; queued: {keys.name('tune.next')})"
        return [[(f"takes effect: live ({keys.name('tune.live')}){forks}", "text")]]
    lines: list[TextLine] = []
    if way.checkpoint is None:
        lines.append([(f"takes effect: restart, a new run from the beginning ({keys.name('tune.start')}){': ' + way.why if way.why else ''}", "text")])
    else:
        running = f"; {base.name} continues ({keys.name('tune.next')}: fork when it has ended)" if live else ""
        lines.append([(f"takes effect: fork from {place(way.checkpoint)} ({keys.name('tune.start')}){running}", "text")])
        kept, dropped = consequences_of(draft, way.checkpoint, weights)
        lines.append([(f"keeps {kept}", "muted")])
        if dropped:
            lines.append([(f"drops {dropped}", "warning")])
    if now:
        lines.append([(f"{keys.name('tune.live')} applies {', '.join(now)} live; the rest stays in the form", "muted")])
    return lines


def buttons(way: Way, *, has_run: bool) -> dict[str, str]:
    """What stands on the button of each action."""
    start = "fork" if way.checkpoint else "restart" if has_run else "start"
    labels = {"start": start, "live": "live", "fork": "fork from …", "restart": "restart", "save": "save", "discard": "discard"}
    return {"apply_live" if id_ == "live" else id_: f"{keys.name(f'tune.{id_}')} {label}" for id_, label in labels.items()}


def wrapped(lines: Sequence[TextLine], width: int) -> list[TextLine]:
    """Lines of one piece each, wrapped."""
    return [[(piece, line[0][1])] for line in lines for piece in wrap(line[0][0], max(10, width)) or [""]]


def shortened(lines: Sequence[TextLine], height: int, width: int) -> list[TextLine]:
    """So many lines of one piece each, the last with … where some are missing."""
    kept = [*lines[:height]]
    if 0 < height < len(lines):
        text, tone = kept[-1][0]
        kept[-1] = [(f"{ellipsis(text, width - 2).rstrip(' ,…')} …", tone)]
    return kept


def spelled(widget: Widget, lines: Sequence[TextLine]) -> Sequence[TextLine]:
    """For a terminal with nothing but ASCII, signs spelt out: ≥ must not become >, nor → look like it."""
    return lines if draws_unicode(widget) else [[(spell(text), tone) for text, tone in line] for line in lines]


def spell(text: str) -> str:
    return text.replace("≥", ">=").replace("≤", "<=").replace("→", "->")


def counted(count: int) -> str:
    return f"{count} change{'s' if count != 1 else ''}"
