"""Keys that the user assigned to actions, by the ids of `keys.KEYS`; read from XDG_CONFIG_HOME/gradtop/keys.toml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from gradtop.tui import keys
from gradtop.tui.mode import NAMES, Key

LARGEST = 1 << 16  # bytes
MODIFIERS = ("ctrl+", "shift+", "alt+")


class Keymap:
    """`overrides` are keys by id, in Textual's names. `problems` says what is wrong with the file; then there are no keys."""

    def __init__(self, overrides: Mapping[str, str] | None = None, problems: tuple[str, ...] = ()) -> None:
        self.overrides = overrides or {}
        self.problems = problems

    @cached_property
    def table(self) -> tuple[Key, ...]:
        """The table of keys with these ones in it."""
        return keys.remapped(self.overrides)


DEFAULT = Keymap()


def keymap_file(env: Mapping[str, str]) -> Path:
    """An XDG_CONFIG_HOME that is not absolute does not count (XDG base directory specification)."""
    home = env.get("XDG_CONFIG_HOME", "")
    base = Path(home) if home.startswith("/") else Path(env.get("HOME") or "/nonexistent") / ".config"
    return base / "gradtop" / "keys.toml"


def load_keymap(path: Path) -> Keymap:
    """The user's keys; the defaults where there is no file."""
    try:
        with path.open("rb") as file:
            import tomli

            found = tomli.loads(file.read(LARGEST).decode())
    except FileNotFoundError:
        return DEFAULT
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Keymap(problems=(f"{path}: {reason}",))
    return parse_keymap(found, str(path))


def parse_keymap(tables: Mapping[str, Any], source: str) -> Keymap:
    """From the tables of the file; `source` is named in the problems."""
    given = tables.get("keys", {})
    problems = [f"{source}: unknown table {name!r}; the keys are in [keys]" for name in tables if name != "keys"]
    if not isinstance(given, dict):
        return Keymap(problems=(*problems, f"{source}: keys is not a table"))
    chosen: dict[str, str] = {}
    for id_, value in given.items():
        problem = _id_problem(id_) or ("" if isinstance(value, str) else "expected a string such as 'ctrl+g'")
        normal = [] if problem else [_normal(part.strip()) for part in value.split(",")]
        if not problem and "" in normal:
            problem = f"{value!r} is not a key"
        if problem:
            problems.append(f"{source}: {id_}: {problem}")
        else:
            chosen[id_] = ",".join(normal)
    problems += [f"{source}: {clash}" for clash in _clashes(chosen)]
    return Keymap(problems=tuple(problems)) if problems else Keymap(chosen)


def _id_problem(id_: str) -> str:
    row = next((row for row in keys.KEYS if row.id == id_), None)
    if row is not None:
        return "cannot be remapped" if row.fixed else ""
    import difflib

    near = difflib.get_close_matches(id_, [row.id for row in keys.KEYS if not row.fixed], n=1)
    return f"unknown id{f'; did you mean {near[0]}?' if near else ' (gradtop help keys lists them)'}"


def _normal(key: str) -> str:
    """The key in Textual's name; "" for none."""
    from textual.keys import KEY_NAME_REPLACEMENTS, KEY_TO_UNICODE_NAME, Keys, _character_to_key

    base, modifiers = key, ""
    for modifier in MODIFIERS:
        if base.startswith(modifier) and len(base) > len(modifier):
            base, modifiers = base.removeprefix(modifier), modifiers + modifier
    if len(base) == 1:
        base = _character_to_key(base) if base.isprintable() and not base.isspace() else ""
    elif base not in {*(each.value for each in Keys), *KEY_NAME_REPLACEMENTS.values(), *KEY_TO_UNICODE_NAME, *NAMES}:
        base = ""
    return base and modifiers + base


def _clashes(chosen: Mapping[str, str]) -> Iterator[str]:
    """Keys that would have two meanings in one mode, which they have not by default."""
    seen = set()
    for mode in keys.all_modes():
        before, after = ({row.id: row for row in table if not row.modes or mode.name in row.modes} for table in (keys.KEYS, keys.remapped(chosen)))
        for one, other in combinations(after, 2):
            if (one not in chosen and other not in chosen) or (one, other) in seen:
                continue
            shared = _keys(after[one]) & _keys(after[other]) - (_keys(before[one]) & _keys(before[other]))
            if shared:
                seen.add((one, other))
                yield f"{one} and {other} both use {NAMES.get(key := min(shared), key)} in {mode.title}"


def _keys(row: Key) -> set[str]:
    return set(row.key.split(","))
