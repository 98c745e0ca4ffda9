"""A configuration in the making: what was typed over what a run has. Needs pydantic: import it off the screen's thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gradtop.trainer.config import (
    Change,
    Config,
    ConfigProblems,
    check_form,
    diff_config,
    dump_config,
    form_texts,
    sections,
    to_tables,
    to_text,
)
from gradtop.trainer.config.table_entry import entry_at, field_key, with_entry
from gradtop.trainer.config.validate import validate
from gradtop.trainer.fields.text import parse_entry, parse_text
from gradtop.trainer.job import DEFAULT_JOB
from gradtop.trainer.record import effective
from gradtop.tui.screens.tune.texts import Difference, FormTexts, effect_of


class Draft(FormTexts):
    """Texts over those of a configuration, always checked."""

    checked = True

    def __init__(self, base: Config, typed: Mapping[str, str] | None = None, failure: str = "") -> None:
        super().__init__(form_texts(base), typed, failure)
        self.base = base
        self.config: Config | None = base
        if self._typed:
            self._check()

    def rebased(self, other: Draft) -> Draft:
        """What was typed, over the base of another draft."""
        return Draft(other.base, self._typed, other.failure)

    @property
    def startable(self) -> bool:
        return self.config is not None

    @property
    def configs(self) -> tuple[Config, Config] | None:
        return (self.base, self.config) if self.config is not None else None

    def type(self, key: str, text: str) -> str:
        """Put a text into a field, of a place in a table of arguments into that, and check the whole; returns the key of the field."""
        field = field_key(key)
        if field != key:
            arguments = parse_text(self._fields[field], self.text(self._fields[field])) if field in self._fields else {}
            text = to_text(with_entry(arguments if isinstance(arguments, Mapping) else {}, key.split(".")[2:], parse_entry(text)))
        self._typed[field] = text
        self._check()
        return field

    def _check(self) -> None:
        self._settle()
        self.config, self.problems = check_form({spec.key: self.text(spec) for spec in self._fields.values()})
        self._differences = self._differ()

    def _differ(self) -> list[Difference]:
        kinds = self.kinds()
        if self.config is not None:
            return [Difference(one.key, shown(one.old), shown(one.new), effect_of(one.key, one.effect, kinds)) for one in self.changes()]
        return [
            Difference(spec.key, self._base.get(spec.key, ""), text, effect_of(spec.key, spec.effect, kinds))
            for spec in self.fields().values()
            if (text := self.text(spec)) != self._base.get(spec.key, to_text(spec.default))
        ]

    def changes(self) -> list[Change]:
        return diff_config(self.base, self.config) if self.config is not None else []

    def live_changes(self) -> dict[str, Any]:
        kinds = self.kinds()
        return {one.key: one.new for one in self.changes() if effect_of(one.key, one.effect, kinds) == "live"}

    def values_of(self, keys: Iterable[str]) -> dict[str, Any]:
        tables = to_tables(self.config) if self.config is not None else {}
        found = {}
        for key in keys:
            section, _, name = key.rpartition(".")
            table = next((table for each, table in tables.items() if each == section or (not section and isinstance(table, Mapping) and name in table)), {})
            if name in table:
                found[key] = table[name]
            elif (value := entry_at(tables, key.split("."))) is not None:
                found[key] = value
        return found

    def asks_for_the_schedule(self) -> bool:
        changes = self.live_changes()
        return "optimizer.lr" in changes and self.base.schedule.kind != "constant" and "schedule.kind" not in changes

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
