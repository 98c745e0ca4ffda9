"""Single values of run.toml, for lists of many runs: parsing all of it takes a hundred times as long as finding a line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from gradtop.trainer.record import bounds
from gradtop.trainer.record.layout import CONFIG, Run

WHOLE_TABLE = ".*"  # after the name of a table: all of it
PLAIN = re.compile(r'"([^"\\\x00-\x1f]*)"|(true|false)|([-+]?\d{1,15})|([-+]?\d+(?:\.\d+(?:[eE][-+]?\d{1,3})?|[eE][-+]?\d{1,3}))')


def read_values(run: Run, keys: Collection[str]) -> dict[str, Any]:
    """The values of dotted keys (or of whole tables, `data.*`) as run.toml has them; None for what is not there. Never raises."""
    try:
        text = "\n" + bounds.read_bytes(run.file(CONFIG), bounds.CONFIG).decode()
    except (bounds.Unreadable, ValueError):
        return dict.fromkeys(keys)
    if '"""' in text or "'''" in text or "\r" in text:  # lines that look like keys may be text
        return from_tables(_parsed(run), keys)
    found: dict[str, Any] = {}
    for key in keys:
        table, _, name = key.rpartition(".")
        start = text.find(f"\n[{table}]\n") + 1
        if not start:
            return from_tables(_parsed(run), keys)  # perhaps written in another way
        end = text.find("\n[", start)
        lines = text[text.index("\n", start) : end if end >= 0 else len(text)]
        if name == "*":
            found[key] = _table(lines)
            continue
        place = lines.find(f"\n{name} = ")
        if place < 0:
            if f"\n{name}." in lines or f'"{name}"' in lines:
                return from_tables(_parsed(run), keys)
            found[key] = None
            continue
        place += len(name) + 4
        stop = lines.find("\n", place)
        written = lines[place : stop if stop >= 0 else len(lines)]
        if (plain := PLAIN.fullmatch(written)) is None:
            found[key] = _table(lines).get(name)
        elif plain[1] is not None:
            found[key] = plain[1]
        else:
            found[key] = written == "true" if plain[2] else int(written) if plain[3] else float(written)
    return found


def from_tables(tables: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """The same of a configuration that is parsed already."""
    return {key: value_of(tables, key.removesuffix(WHOLE_TABLE)) for key in keys}


def value_keys(tables: Mapping[str, Any], above: str = "") -> list[str]:
    """The dotted keys of all values; an empty table is a value."""
    found = []
    for name, value in tables.items():
        key = f"{above}.{name}" if above else name
        found += value_keys(value, key) if isinstance(value, Mapping) and value else [key]
    return found


def value_of(tables: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """One value of a configuration by its dotted key."""
    value: Any = tables
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return default
        value = value[name]
    return value


def _parsed(run: Run) -> Mapping[str, Any]:
    try:
        return bounds.read_toml(run.file(CONFIG))
    except bounds.Unreadable:
        return {}


def _table(lines: str) -> dict[str, Any]:
    """The keys of one table. {} where it is no TOML."""
    import tomllib

    if any(line.partition("=")[0].count(".") > bounds.DOTS for line in lines.split("\n")):
        return {}
    try:
        return bounds.bounded(tomllib.loads(lines))  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        return {}
