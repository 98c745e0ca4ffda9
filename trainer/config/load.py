"""Configurations from TOML files and texts, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import tomli
import tomli_w

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.override import override
from gradtop.trainer.config.problems import ConfigProblems, Problem, cut
from gradtop.trainer.config.schema import sections_of
from gradtop.trainer.config.validate import FORMAT, in_declared_order, validate
from gradtop.trainer.fields.typed import Typed

LARGEST_FILE = 1_000_000
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")
_ENDLESS = re.compile(r"\d{4000,}")  # more digits than Python turns into a number
QUOTED = 60
_SHORT_ARRAY = re.compile(r"\[\n((?:    [-+.\w]+,\n)+)\]")


def load_config(path: str | PathLike[str], overrides: Sequence[str] = (), *, job: str = "") -> Config:
    """Read a TOML file and change what `overrides` say; `job`, where given, stands in place of the file's. Raises ConfigProblems."""
    file = str(path)
    return parse_config(_read(Path(path), file), source=file, overrides=overrides, job=job)


def parse_config(text: str, *, source: str = "", overrides: Sequence[str] = (), job: str = "") -> Config:
    """As `load_config`, from the text itself; `source` is what problems call it. Raises ConfigProblems."""
    try:
        tables = tomli.loads(text.removeprefix("\ufeff"), parse_float=Typed)
    except tomli.TOMLDecodeError as error:
        line = getattr(error, "lineno", 0)
        message = getattr(error, "msg", str(error))
        written = (text.splitlines()[line - 1 : line] or [""])[0].strip()
        quoted = f": {cut(written, QUOTED)}" if written else ""
        raise ConfigProblems([Problem(source, "", f"is not TOML: {message[:1].lower()}{message[1:]}{quoted}", line=line)]) from None
    except (ValueError, RecursionError) as error:
        if found := _ENDLESS.search(text):
            line = text.count("\n", 0, found.start()) + 1
            raise ConfigProblems([Problem(source, "", f"has a number of {len(found[0])} digits, which is too long: {cut(found[0], QUOTED)}", line=line)]) from None
        raise ConfigProblems([Problem(source, "", f"cannot be parsed as TOML: {error}")]) from None
    tables, problems, touched = override({**tables, "job": job} if job else tables, overrides)
    return _validated(tables, problems, lambda problem: problem if problem.key in touched else _placed(problem, source, text))


def apply_overrides(config: Config, changes: Sequence[str], *, job: str = "") -> Config:
    """The configuration with `key=value` changes, for another job where one is given. Raises ConfigProblems."""
    tables, problems, _ = override({**to_toml(config), **({"job": job} if job else {})}, changes)
    return _validated(tables, problems, lambda problem: problem)


def dump_config(config: Config) -> str:
    """TOML with every field, from which `parse_config` makes the same configuration."""
    text = tomli_w.dumps({"format": FORMAT, **to_toml(config)})
    return _SHORT_ARRAY.sub(lambda found: "[" + ", ".join(found[1].replace(",", "").split()) + "]", text)


def to_toml(config: Config) -> dict[str, Any]:
    """All that run.toml holds: the job, and its sections."""
    return {"job": config.job, **to_tables(config)}


def to_tables(config: Config) -> dict[str, dict[str, Any]]:
    """Plain tables in declared order, `kind` first; one number where one stands for all layers."""
    tables: dict[str, dict[str, Any]] = {}
    for part in sections_of(config.job):
        values = config.part(part.name)
        tables[part.name] = {
            spec.name: _plain(getattr(values, spec.name), single=spec.per_layer) for spec in part.of(getattr(values, "kind", ""))
        }
    return tables


def _plain(value: Any, *, single: bool) -> Any:
    if isinstance(value, tuple):
        return value[0] if single and len(value) == 1 else list(value)
    return value


def _validated(tables: Mapping[str, Any], mistyped: Sequence[Problem], place: Callable[[Problem], Problem]) -> Config:
    """`mistyped` are the problems of the overrides themselves, which stand in no file; `place` finds the others."""
    try:
        config = validate(tables)
    except ConfigProblems as wrong:
        raise ConfigProblems([*mistyped, *in_declared_order(map(place, wrong.problems))]) from None
    if mistyped:
        raise ConfigProblems(mistyped)
    return config


def _placed(problem: Problem, source: str, text: str) -> Problem:
    return replace(problem, file=source, line=find_line(text, problem.key))


def find_line(text: str, key: str) -> int:
    """The line of a dotted key, or of its table where the key is not written there; counted from 1, 0 for neither."""
    table = key.partition(".")[0]
    here, table_line = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            here = header[1].strip("\"'")
            if here == key:
                return number
            if here == table:
                table_line = number
        elif found := _KEY.match(line):
            written = re.sub(r"[\"' ]", "", found[1])
            full = f"{here}.{written}" if here else written
            if full == key:
                return number
            if full == table:
                table_line = number
    return table_line


def _read(path: Path, file: str) -> str:
    def wrong(message: str) -> ConfigProblems:
        return ConfigProblems([Problem(file, "", message)])

    try:
        if path.is_dir():
            raise wrong("is a directory, not a TOML file")
        if not path.exists():
            raise wrong("does not exist")
        if not path.is_file():
            raise wrong("is not a regular file")
        with path.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise wrong(f"cannot be read: {reason[:1].lower()}{reason[1:]}") from None
    if len(data) > LARGEST_FILE:
        raise wrong("is larger than 1 MB, too large for a configuration")
    if b"\0" in data:
        raise wrong("is a binary file, not TOML")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigProblems([Problem(file, "", f"is not UTF-8 text (byte {error.start})", line=line)]) from None
