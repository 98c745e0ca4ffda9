"""The configuration that a run trains with: its tables, and what was changed live since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A callable of the user's own is never changed live: whoever says so would have a run import something else than run.toml names.
CODE = frozenset({"target", "arguments"})
CUSTOM = "custom"


def effective(tables: Mapping[str, Any], changes: Mapping[str, object]) -> Mapping[str, Any]:
    """The tables with the changes by dotted key; the table of a kind that was changed begins anew, with nothing it had before."""
    if not changes:
        return tables
    merged = {name: dict(table) if isinstance(table, Mapping) else table for name, table in tables.items()}
    # The kinds first: what was changed before its kind was, or after, stands in any order.
    for key, value in sorted(changes.items(), key=lambda each: not each[0].endswith(".kind")):
        table, _, name = key.partition(".")
        own = merged.setdefault(table, {})
        if not name or not isinstance(own, dict) or name in CODE or (name == "kind" and value == CUSTOM):
            continue
        if name == "kind":
            own.clear()
        own[name] = value
    return merged
