"""What the form needs: texts in, a configuration or a problem beside each field out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.load import to_tables
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.config.schema import find_spec, section, sections
from gradtop.trainer.config.validate import validate
from gradtop.trainer.fields.text import parse_text, to_text


def check_field(tables: Mapping[str, Any], key: str, text: str) -> tuple[Any, str | None]:
    """The value that `text` means for `key` in these tables, and what is wrong with it there, None where it is well."""
    table, _, name = key.partition(".")
    kind = tables.get(table, {}).get("kind", "")
    spec = section(table).find(kind, name) or find_spec(key)
    if spec is None:
        return text, "unknown key"
    value = parse_text(spec, text)
    try:
        validate({**tables, table: {**tables.get(table, {}), name: value}})
    except ConfigProblems as wrong:
        return value, next((problem.explanation for problem in wrong.problems if problem.key == key), None)
    return value, None


def check_form(texts: Mapping[str, str]) -> tuple[Config | None, dict[str, str]]:
    """The configuration that the texts by dotted key make, or None and the problem of each key that has one."""
    kinds = {part.name: texts.get(f"{part.name}.kind", part.default_kind) for part in sections()}
    tables: dict[str, dict[str, Any]] = {}
    for part in sections():
        specs = part.of(kinds[part.name])
        tables[part.name] = {spec.name: parse_text(spec, texts[spec.key]) for spec in specs if spec.key in texts}
    try:
        return validate(tables), {}
    except ConfigProblems as wrong:
        return None, {problem.key: problem.explanation for problem in reversed(wrong.problems)}


def form_texts(config: Config) -> dict[str, str]:
    """Each field of the configuration as it stands in the form."""
    return {f"{name}.{key}": to_text(value) for name, table in to_tables(config).items() for key, value in table.items()}

