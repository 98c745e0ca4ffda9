"""A configuration in the making: what was typed over what a run has. Needs pydantic: import it off the screen's thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gradtop.trainer.config import (
    EFFECTS,
    LIVE_KINDS,
    Change,
    Config,
    ConfigProblems,
    Effect,
    FieldSpec,
    SectionSpec,
    Text,
    check_form,
    diff_config,
    dump_config,
    form_texts,
    sections,
    to_tables,
    to_text,
)
from gradtop.trainer.config.validate import validate
from gradtop.trainer.job import DEFAULT_JOB
from gradtop.trainer.record import effective

# Changed together with such a kind, these are part of it.
LIVE_WITH_KIND = frozenset({"freeze.patterns"})


class Difference(NamedTuple):
    """One line of what will change, as texts, and its way; `old` is "" where the old kind had no such field."""

    key: str
    old: str
    new: str
    effect: Effect = "restart"


class Draft:
    """Texts by dotted key over those of a base; always checked. What is typed for one kind is there when it comes back.

    `failure` is why a run with the base could not begin.
    """

    def __init__(self, base: Config, typed: Mapping[str, str] | None = None, failure: str = "") -> None:
        self.base = base
        self.failure = failure
        self._base = form_texts(base)
        self.config: Config | None = base
        self.problems: dict[str, str] = {}
        self._differences: list[Difference] = []
        self._typed = dict(typed or {})
        self._settle()
        if self._typed:
            self._check()

    def rebased(self, other: Draft) -> Draft:
        """What was typed, over the base of another draft."""
        return Draft(other.base, self._typed, other.failure)

    def kind(self, part: SectionSpec) -> str:
        kind = self._text(f"{part.name}.kind", part.default_kind)
        return kind if kind in part.kinds else part.default_kind

    def sections(self) -> list[tuple[SectionSpec, tuple[FieldSpec, ...]]]:
        """Each section with the fields of its present kind."""
        return self._sections

    def fields(self) -> dict[str, FieldSpec]:
        return self._fields

    def text(self, spec: FieldSpec) -> str:
        return self._text(spec.key, to_text(spec.default))

    def was(self, spec: FieldSpec) -> str:
        """The text in the base; "" where its kind has no such field."""
        return self._base.get(spec.key, "")

    def original(self, spec: FieldSpec) -> str:
        """What the field had before anything was typed: the base's, or the default of a new kind."""
        return self._base.get(spec.key, to_text(spec.default))

    def refusal(self, spec: FieldSpec) -> str:
        """Why the run with what this field still has could not begin; "" where that was something else."""
        named = self.failure.removeprefix(spec.key)
        return named.lstrip(": ") if named != self.failure and named[:1] in {":", " "} and self.text(spec) == self.was(spec) else ""

    def is_plain(self, part: SectionSpec) -> bool:
        """Whether a section has nothing but defaults, of its default kind."""
        return all(self.text(spec) == (part.default_kind if spec.name == "kind" and part.kinds else to_text(spec.default)) for spec in part.of(self.kind(part)))

    def is_default(self, spec: FieldSpec) -> bool:
        """Whether a field is as it is by default, and was so in the base."""
        return self.text(spec) == to_text(spec.default) and all(each.key != spec.key for each in self.differences())

    def type(self, key: str, text: str) -> None:
        """Put a text into a field and check the whole."""
        self._typed[key] = text
        self._check()

    def _check(self) -> None:
        self._settle()
        self.config, self.problems = check_form({spec.key: self.text(spec) for spec in self._fields.values()})
        self._differences = self._differ()

    def _settle(self) -> None:
        """What depends on the kinds and on what was typed, once for all who ask."""
        self._sections = [(part, part.of(self.kind(part))) for part in sections() if self._concerns(part)]
        self._fields = {spec.key: spec for _, specs in self._sections for spec in specs}

    def _concerns(self, part: SectionSpec) -> bool:
        """Text is sampled of characters only; what was set for them is shown where it must be put right."""
        return part.name != "sample" or self._text("data.kind", "") == Text().kind or not self.is_plain(part)

    def differences(self) -> list[Difference]:
        """What will change, field by field, also while some fields are wrong."""
        return self._differences

    def _differ(self) -> list[Difference]:
        if self.config is not None:
            return [Difference(one.key, shown(one.old), shown(one.new), effect_of(one, self.kinds())) for one in self.changes()]
        kinds = self.kinds()
        return [
            Difference(spec.key, self._base.get(spec.key, ""), text, effect_of(Change(spec.key, None, text, spec.effect), kinds))
            for spec in self.fields().values()
            if (text := self.text(spec)) != self._base.get(spec.key, to_text(spec.default))
        ]

    def kinds(self) -> dict[str, str]:
        """What the sections that changed their kind have now."""
        return {f"{part.name}.kind": kind for part, _ in self._sections if part.kinds and (kind := self.kind(part)) != self._base.get(f"{part.name}.kind")}

    @property
    def changes_something(self) -> bool:
        return bool(self.differences())

    def strongest(self) -> Effect | None:
        """The way that all changes together take; None where there are none."""
        ways = [one.effect for one in self.differences()]
        return max(ways, key=EFFECTS.index, default=None)

    def keys_of(self, effect: Effect) -> list[str]:
        """What takes this way."""
        return [one.key for one in self._differences if one.effect == effect]

    def changes(self) -> list[Change]:
        """Against the base; only for a draft without problems."""
        return diff_config(self.base, self.config) if self.config is not None else []

    def live_changes(self) -> dict[str, Any]:
        """The changes by key that a running worker can take; the others stay in the form. Nothing while a field is wrong."""
        kinds = self.kinds()
        return {one.key: one.new for one in self.changes() if effect_of(one, kinds) == "live"}

    def values_of(self, keys: Iterable[str]) -> dict[str, Any]:
        """What the configuration has for these keys, of those that its kinds have."""
        tables = to_tables(self.config) if self.config is not None else {}
        found = {}
        for key in keys:
            section, _, name = key.rpartition(".")
            table = next((table for each, table in tables.items() if each == section or (not section and isinstance(table, Mapping) and name in table)), {})
            if name in table:
                found[key] = table[name]
        return found

    def asks_for_the_schedule(self) -> bool:
        """Whether a new learning rate, applied live, may scale the schedule or take its place."""
        changes = self.live_changes()
        return "optimizer.lr" in changes and self.base.schedule.kind != "constant" and "schedule.kind" not in changes

    def _text(self, key: str, default: str) -> str:
        return self._typed.get(key, self._base.get(key, default))


def effect_of(change: Change, kinds: Mapping[str, str]) -> Effect:
    """The least costly way that a change can take, where `kinds` are those that change with it."""
    kind = f"{change.key.partition('.')[0]}.kind"
    if kind not in kinds:
        return change.effect
    if change.key == kind or change.key in LIVE_WITH_KIND:
        return "live" if kinds[kind] in LIVE_KINDS.get(kind, ()) else change.effect
    # What was changed with a kind goes the way of the kind.
    return "fork" if change.effect == "live" else change.effect


def shown(value: object) -> str:
    return "" if value is None else to_text(value)


def make_base(tables: Mapping[str, Any], live: Mapping[str, object] | None = None) -> tuple[Config | None, str]:
    """The configuration of a run, what was applied live included; or None and what is wrong, for the user."""
    try:
        # Whatever the run did: what is started from here trains.
        config = validate({**tables, "job": DEFAULT_JOB}, "run.toml")
    except ConfigProblems as wrong:
        return None, str(wrong)
    if not live:
        return config, ""
    # Only what this version knows: another's worker may take more than this form does.
    merged = effective(to_tables(config), live)
    known = {name: {key: value for key, value in table.items() if find_in(name, table, key)} for name, table in merged.items() if isinstance(table, Mapping)}
    try:
        return validate({name: table for name, table in known.items() if name in Config.model_fields}), ""
    except ConfigProblems:
        return config, ""


def find_in(section: str, table: Mapping[str, Any], name: str) -> bool:
    """Whether the kind that a table has knows a field of this name."""
    part = next((part for part in sections() if part.name == section), None)
    return part is not None and any(spec.name == name for spec in part.of(str(table.get("kind", ""))))


def save_config(config: Config, path: Path, *, overwrite: bool) -> tuple[bool, str]:
    """Write the configuration as TOML, whole or not at all; whether a file was there (and is kept), and what went wrong."""
    text = dump_config(config)
    try:
        if not overwrite:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            return False, ""
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except FileExistsError:
        return (True, "") if path.is_file() else (False, f"{path} exists and is not a file")
    except (OSError, ValueError) as error:
        return False, f"{path}: {getattr(error, 'strerror', None) or error}"
    return False, ""
