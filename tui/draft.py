"""A configuration in the making: what was typed over what a run has. Needs pydantic: import it off the screen's thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config import (
    Change,
    Config,
    ConfigProblems,
    FieldSpec,
    SectionSpec,
    apply_overrides,
    check_form,
    diff_config,
    dump_config,
    form_texts,
    sections,
    to_text,
)
from trainer.config.validate import validate

# What a worker of this version takes while it trains; other fields that could be live start a new run as yet.
APPLIED_LIVE = frozenset({"optimizer.lr"})
NEW_RUN = "new run"
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of what will change, as texts; `old` is "" where the old kind had no such field."""

    key: str
    old: str
    new: str


class Draft:
    """Texts by dotted key over those of a base; always checked. What is typed for one kind is there when it comes back."""

    def __init__(self, base: Config) -> None:
        self.base = base
        self._base = form_texts(base)
        self._typed: dict[str, str] = {}
        self.config: Config | None = base
        self.problems: dict[str, str] = {}

    def kind(self, part: SectionSpec) -> str:
        kind = self._text(f"{part.name}.kind", part.default_kind)
        return kind if kind in part.kinds else part.default_kind

    def sections(self) -> list[tuple[SectionSpec, tuple[FieldSpec, ...]]]:
        """Each section with the fields of its present kind."""
        return [(part, part.of(self.kind(part))) for part in sections()]

    def fields(self) -> dict[str, FieldSpec]:
        return {spec.key: spec for _, specs in self.sections() for spec in specs}

    def text(self, spec: FieldSpec) -> str:
        return self._text(spec.key, to_text(spec.default))

    def was(self, spec: FieldSpec) -> str:
        """The text in the base; "" where its kind has no such field."""
        return self._base.get(spec.key, "")

    def original(self, spec: FieldSpec) -> str:
        """What the field had before anything was typed: the base's, or the default of a new kind."""
        return self._base.get(spec.key, to_text(spec.default))

    def type(self, key: str, text: str) -> None:
        """Put a text into a field and check the whole."""
        self._typed[key] = text
        self.config, self.problems = check_form({spec.key: self.text(spec) for spec in self.fields().values()})

    def differences(self) -> list[Difference]:
        """What will change, field by field, also while some fields are wrong."""
        if self.config is not None:
            return [Difference(one.key, shown(one.old), shown(one.new)) for one in self.changes()]
        return [
            Difference(spec.key, self._base.get(spec.key, ""), self.text(spec))
            for spec in self.fields().values()
            if self.text(spec) != self._base.get(spec.key, to_text(spec.default))
        ]

    @property
    def changes_something(self) -> bool:
        return bool(self.differences())

    def changes(self) -> list[Change]:
        """Against the base; only for a draft without problems."""
        return diff_config(self.base, self.config) if self.config is not None else []

    def live_changes(self) -> dict[str, Any]:
        """All changes by key, where a running worker can take every one of them; else nothing."""
        changes = self.changes()
        return {one.key: one.new for one in changes} if {one.key for one in changes} <= APPLIED_LIVE else {}

    def _text(self, key: str, default: str) -> str:
        return self._typed.get(key, self._base.get(key, default))


def shown(value: object) -> str:
    return "" if value is None else to_text(value)


def make_base(tables: Mapping[str, Any], live: Iterable[tuple[str, Any]] = ()) -> tuple[Config | None, str]:
    """The configuration of a run, what was applied live included; or None and what is wrong, for the user."""
    try:
        config = validate(tables, "run.toml")
    except ConfigProblems as wrong:
        return None, str(wrong)
    for key, value in live:
        try:
            config = apply_overrides(config, [f"{key}={to_text(value)}"])
        except ConfigProblems:
            continue  # another version's worker may take more than this form knows
    return config, ""


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
