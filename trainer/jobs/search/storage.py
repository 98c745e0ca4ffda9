"""Whether an Optuna storage can be used from here: asked before a search is created. Imports neither Optuna nor SQLAlchemy."""

from __future__ import annotations

import difflib
import os
import socket
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from gradtop.trainer.home import at_home

ANSWERS_WITHIN = 3.0  # seconds in which a database takes a connection
MAGIC = b"SQLite format 3\0"
MEMORY = frozenset({"", ":memory:"})
FOLDERS = {"mariadb": "mysql"}  # of a dialect in SQLAlchemy that has none of its name
DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg2", "mysql": "mysqldb", "mariadb": "mysqldb", "oracle": "cx_oracle", "mssql": "pyodbc"}  # without +DRIVER
PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521, "mssql": 1433, "redis": 6379, "rediss": 6379}
# Driver of SQLAlchemy's: the module that it imports, where that is another one, and what installs that.
MODULES = {"pysqlite": "sqlite3", "mysqldb": "MySQLdb", "mysqlconnector": "mysql.connector", "mariadbconnector": "mariadb", "cx_oracle": "cx_Oracle"}
PACKAGES = {"MySQLdb": "mysqlclient", "psycopg": "'psycopg[binary]'", "mysql": "mysql-connector-python", "cx_Oracle": "cx_Oracle"}

Finds = Callable[[str], object]


def why_unusable(url: str, directory: str, *, finds: Finds = find_spec) -> str:
    """What is wrong and what to do, in one sentence; "" where nothing is found. Relative files lie in the `directory`."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return ""  # the check of the section says so
    name, _, driver = scheme.partition("+")
    redis = name in {"redis", "rediss"}
    why = _missing_module("redis", finds) if redis else _unknown_dialect(name, driver) or _missing_module(_module_of(name, driver, finds), finds)
    if why:
        return f"{without_password(url)}: {why}"
    if name == "sqlite":
        return f"{url}: {why}" if (why := _unusable_file(rest, directory)) else ""
    return f"{without_password(url)}: {why}" if (why := _unreachable(url, PORTS.get(name, 0))) else ""


def without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if separator else url


def dialects() -> Mapping[str, frozenset[str]]:
    """The databases that SQLAlchemy knows, with their drivers; empty where it is not installed."""
    spec = find_spec("sqlalchemy")
    if spec is None or not spec.submodule_search_locations:
        return {}
    root = Path(spec.submodule_search_locations[0], "dialects")
    found = {folder.name: frozenset(file.stem for file in folder.glob("[a-z]*.py")) for folder in root.iterdir() if (folder / "__init__.py").is_file()}
    found |= {name: found[folder] for name, folder in FOLDERS.items() if folder in found}
    for point in entry_points(group="sqlalchemy.dialects"):
        name, _, driver = point.name.partition(".")
        found[name] = found.get(name, frozenset()) | ({driver} if driver else frozenset())
    return found


def _unknown_dialect(name: str, driver: str) -> str:
    known = dialects()
    if not known:
        return ""  # that Optuna is not whole is said elsewhere
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        return f"there is no database of the kind {name!r}; {f'did you mean {near[0]}?' if near else 'there are: ' + ', '.join(sorted({*known, 'redis'}))}"
    if driver and known[name] and driver not in known[name]:
        near = difflib.get_close_matches(driver, known[name], n=1)
        return f"{name} has no driver {driver!r}; {f'did you mean {name}+{near[0]}?' if near else f'leave it out: {name}://…'}"
    return ""


def _module_of(name: str, driver: str, finds: Finds) -> str:
    """The top-level module of the driver, "" where it is not known."""
    chosen = driver or DRIVERS.get(name, "")
    if chosen == "psycopg2" and not driver and finds("psycopg2") is None:
        chosen = "psycopg"  # which is taken in its place
    return MODULES.get(chosen, chosen).partition(".")[0]


def _missing_module(module: str, finds: Finds) -> str:
    if not module or finds(module) is not None:
        return ""
    return f"requires the Python module {module}, which is not installed: pip install {PACKAGES.get(module, module)}"


def _unusable_file(rest: str, directory: str) -> str:
    if rest and not rest.startswith("/"):
        return f"names a host, which SQLite has none of; write sqlite:///{rest} for a file here, sqlite:////… for one with an absolute path"
    name = rest[1:].partition("?")[0]
    if name in MEMORY:
        return "keeps the trials in the memory of the search, and a resume would not find them; name a file, such as sqlite:///search.db"
    if name.startswith("file:"):
        return ""
    if name.startswith("~"):
        return f"~ is not replaced in a URL; write sqlite:///{at_home(name)}"
    path = Path(directory, name)
    try:
        if not path.parent.is_dir():
            return f"there is no folder {path.parent}; create it, or name another"
        if path.is_dir():
            return f"{path} is a folder; name a file in it"
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return f"files cannot be created in {path.parent}; name a folder that can be written"  # SQLite's journal is one
        if not path.exists():
            return ""
        if not os.access(path, os.R_OK | os.W_OK):
            return f"{path} cannot be read and written; name another file"
        with path.open("rb") as file:
            head = file.read(len(MAGIC))
    except (OSError, ValueError) as error:
        return f"{path} cannot be used: {getattr(error, 'strerror', None) or error}; name another file"
    return "" if head in {b"", MAGIC} else f"{path} is not an SQLite database; name another file"


def _unreachable(url: str, port: int) -> str:
    """Of a host alone that the URL names: a socket, several hosts and the like are left to the driver."""
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname or "", parts.port or port
    except ValueError as error:
        return f"is no URL: {error}; write one such as postgresql://user@host/name"
    if not host or not port or "," in host or "host=" in parts.query:
        return ""
    try:
        socket.create_connection((host, port), timeout=ANSWERS_WITHIN).close()
    except OSError as error:
        why = "it has not answered" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return f"{host}:{port} cannot be reached ({why}); start the database, or correct host and port"
    return ""
