"""A space as people write it: files, and KEY=DISTRIBUTION on one line; and values as TOML writes them on one line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import tomli

from gradtop.trainer.home import at_home
from gradtop.trainer.trials.space import NotASpace


def parts_of(line: str, names: Collection[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """The settings of these names with their values, and all else that the line has between semicolons."""
    settings, others = [], []
    for part in filter(None, map(str.strip, line.split(";"))):
        name, equals, value = map(str.strip, part.partition("="))
        if equals and name in names:
            settings.append((name, value))
        else:
            others.append(part)
    return settings, others


def space_of(words: Iterable[str]) -> dict[str, Any]:
    """The keys of files and of the words together; a file is a space, or a configuration with one. Raises NotASpace."""
    found: dict[str, Any] = {}
    for word in words:
        path = at_home(word)
        key, equals, written = word.partition("=")
        if path.suffix == ".toml" or path.is_file():
            found |= read_space(path)
        elif equals and key.strip():
            found[key.strip()] = written.strip()
        else:
            raise NotASpace(f"{word!r} is neither a TOML file nor KEY=DISTRIBUTION, such as optimizer.lr=log(1e-5,1e-2)")
    return found


def read_space(path: Path) -> dict[str, Any]:
    try:
        tables = tomli.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotASpace(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise NotASpace(f"{path}: is not TOML: {error}") from None
    inside = tables.get("search", tables)
    found = inside.get("space", inside) if isinstance(inside, dict) else None
    if not isinstance(found, dict):
        raise NotASpace(f"{path}: has no table [search.space]")
    return found


def listed(names: str) -> str:
    """accuracy,parameters as a list of TOML."""
    return f"[{', '.join(repr(word.strip()) for word in names.strip(' []').split(','))}]"


def inline(value: object) -> str:
    """As TOML writes it on one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(name)} = {inline(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(inline, value)) + "]"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value)
        case _:
            return repr(value)
