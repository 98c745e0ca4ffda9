"""Which custom code was started here by this user: a run directory may come from anywhere, and names callables to import.

What a user starts is recorded in the user's own state directory, by a hash of the callable, its arguments and the directory that it
is imported from. So a run may be moved and copied, by rsync or tar too; copied from another machine or another user it
is unknown, unless this user has started the very same code from the same place.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtop.trainer.launch.origin import current_directory
from gradtop.trainer.launch.state_home import state_home
from gradtop.trainer.metrics import METRICS_KEY
from gradtop.trainer.record import RecordError, Run, clean, read_meta
from gradtop.trainer.record.files import open_regular, read_file

FILE = "started-code"
SHOWN = 200  # characters of arguments
# What this process has started, also where the state directory cannot be written.
_started: set[str] = set()


@dataclass(frozen=True, slots=True)
class Code:
    """A callable that a configuration names by `key`; `arguments` are its keyword arguments, as JSON. It is imported from `directory`."""

    key: str
    target: str
    arguments: str
    directory: str

    def __str__(self) -> str:
        place = "" if self.directory == current_directory() else f" in {self.directory}"
        given = "" if self.arguments == "{}" else f" with {self.arguments}"
        return clean(f"{self.key} = {self.target}{place}{given}", SHOWN)


class UnknownCode(RecordError):
    """A run names code that was not started here; `codes` are what to ask about."""

    def __init__(self, codes: Sequence[Code]) -> None:
        self.codes = tuple(codes)
        listed = " and ".join(map(str, codes))
        super().__init__(f"the run names custom code that you have not started here before: {listed}. Training it imports and runs that code")


def code_of(tables: Mapping[str, Any], directory: str | None = None) -> tuple[Code, ...]:
    """The callables that the tables of a configuration name, valid or not, imported from a directory, by default the current one."""
    place = current_directory() if directory is None else directory
    called = (
        Code(f"{name}.target", str(table.get("target", "")), json.dumps(table.get("arguments") or {}, sort_keys=True, default=str), place)
        for name, table in tables.items()
        if isinstance(table, Mapping) and _is_custom(table)
    )
    return (*called, *(Code(METRICS_KEY, metric, "{}", place) for metric in custom_metrics(tables)))


def custom_metrics(tables: Mapping[str, Any]) -> list[str]:
    """Those that name code, where declared ones are words."""
    section, _, field = METRICS_KEY.partition(".")
    table = tables.get(section)
    found = table.get(field) if isinstance(table, Mapping) else ()
    return [str(each) for each in found if ":" in str(each)] if isinstance(found, list | tuple) else []


def code_called(key: str, target: str, arguments: Mapping[str, Any]) -> tuple[Code, ...]:
    """What is about to be imported, as a configuration names it by `key`."""
    section, _, field = key.partition(".")
    return code_of({section: {field: [target]} if key == METRICS_KEY else {"target": target, "arguments": arguments}})


def _is_custom(table: Mapping[str, Any]) -> bool:
    # Without a kind it is told by its fields. What a table is to predict are columns, and no callable.
    target = table.get("target", "")
    is_column = table.get("kind") == "table" and not (isinstance(target, str) and ":" in target)
    names_callable = "target" in table and not is_column
    return names_callable or table.get("kind", "custom" if "arguments" in table else "") == "custom"


def directory_of(run: Run | None) -> str:
    """The directory that the worker of a run imports code from: the run's own while it exists, else the current one."""
    found = read_meta(run).cwd if run is not None else ""
    # Unlike Path.is_dir it raises nothing, whatever a foreign run names.
    return found if os.path.isdir(found) else current_directory()  # noqa: PTH112


def code_of_run(run: Run, directory: str | None = None) -> tuple[Code, ...]:
    """Of run.toml, by default as its worker imports it; what is changed live is never code. Nothing of a file that cannot be read, which trains nothing."""
    import tomllib

    place = directory_of(run) if directory is None else directory
    try:
        return code_of(tomllib.loads(read_file(run.config).decode()), place)
    except (OSError, ValueError, RecursionError):
        return ()


def require_started(codes: Iterable[Code]) -> None:
    """Raises UnknownCode."""
    unknown = _unknown(codes)
    if unknown:
        raise UnknownCode(unknown)


def admit(codes: Sequence[Code], inherited: Iterable[Code] = ()) -> None:
    """Record codes as started here. Raises UnknownCode for those that come from a run unknown here."""
    foreign = {code.key for code in _unknown(inherited)}
    require_started(code for code in codes if code.key in foreign)
    remember(codes)


def remember(codes: Iterable[Code]) -> None:
    """Record codes as started here by this user. A state directory that cannot be written forgets them with this process."""
    fresh = {_digest(code) for code in _unknown(codes)}
    if not fresh:
        return
    _started.update(fresh)
    path = _file()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, "".join(f"{digest}\n" for digest in sorted(fresh)).encode())
        finally:
            os.close(descriptor)


def _unknown(codes: Iterable[Code]) -> list[Code]:
    found = [code for code in codes if _digest(code) not in _started]
    if found:
        recorded = _recorded()
        found = [code for code in found if _digest(code) not in recorded]
    return found


def _recorded() -> frozenset[str]:
    try:
        descriptor = open_regular(_file(), own=True)
    except OSError:
        return frozenset()
    with os.fdopen(descriptor, "rb") as file:
        return frozenset(file.read().decode("ascii", "replace").split())


def _file() -> Path:
    return state_home(os.environ) / FILE


def _digest(code: Code) -> str:
    import hashlib

    # The same name means other code in another directory.
    return hashlib.sha256(json.dumps([code.key, code.target, code.arguments, code.directory]).encode()).hexdigest()
