"""Which rows the form has, and what each says of a field, or of a folded section."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gradtop.tui.screens.tune.fieldset import FieldRow

if TYPE_CHECKING:
    from gradtop.trainer.fields.spec import FieldSpec, SectionSpec
    from gradtop.tui.screens.tune.texts import FormTexts


COLUMNS = (("model", "data", "task", "optimizer", "schedule"), ("training", "init", "freeze", "augment", "monitor", "sample"))
ORDER = tuple(section for column in COLUMNS for section in column)
# With nothing but defaults, these are one line each until somebody opens them.
QUIET = frozenset({"data", "task", "init", "freeze", "augment", "monitor", "sample"})


def matches(draft: FormTexts, spec: FieldSpec, words: Sequence[str]) -> bool:
    """Whether a field has all the words that are filtered by; without any, one that is seldom changed is shown only where it was."""
    if spec.seldom and not words and draft.is_default(spec):
        return False
    return all(word in spec.key for word in words)


def stops(draft: FormTexts, is_folded: Callable[[str], bool], words: Sequence[str]) -> list[str]:
    """What the cursor can stand on, in the order of the screen: fields, and `section.` for a folded one."""
    by_name = {part.name: specs for part, specs in draft.sections()}
    found: list[str] = []
    for section in ORDER:
        if section in by_name:
            found += [f"{section}."] if is_folded(section) else [spec.key for spec in by_name[section] if matches(draft, spec, words)]
    return found


def folded_row(draft: FormTexts, part: SectionSpec, specs: Sequence[FieldSpec], changed: set[str]) -> FieldRow:
    """A section in one line: its kind, and how much of it is not as it comes."""
    mine = [spec for spec in specs if spec.key in changed]
    others = [spec for spec in specs if spec.name != "kind"]
    wrong = any(spec.key in draft.problems or draft.refusal(spec) for spec in specs)
    note = f"{len(mine)} changed" if mine else "all off" if part.name == "augment" and draft.is_plain(part) else "defaults" if draft.is_plain(part) else f"{len(others)} settings"
    return FieldRow(f"{part.name}.", part.name, draft.kind(part) if part.kinds else "", note, changed=bool(mine), wrong=wrong, folded=True)


def field_rows(draft: FormTexts, part: SectionSpec, specs: Sequence[FieldSpec], changed: set[str]) -> list[FieldRow]:
    """Each of these fields in a line; a section of one field has its name, as a frame around one field tells nothing."""
    rows = [field_row(draft, spec, changed) for spec in specs]
    return [row._replace(label=part.name) for row in rows] if len(part.of(draft.kind(part))) == 1 else rows


def field_row(draft: FormTexts, spec: FieldSpec, changed: set[str]) -> FieldRow:
    problem, refusal = draft.problems.get(spec.key, ""), draft.refusal(spec)
    if problem:
        note = problem.partition(", not ")[0].removeprefix("must be ")
    else:
        note = "refused" if refusal else " ".join(filter(None, (spec.unit, spec.bounds)))
    return FieldRow(
        key=spec.key,
        label=spec.name,
        value=draft.text(spec),
        note=note,
        choice=spec.type in {"choice", "bool"},
        changed=spec.key in changed,
        wrong=bool(problem or refusal),
    )
