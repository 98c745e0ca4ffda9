"""Storages that cannot be used, told before a search is created; what may work is left to Optuna."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.search import storage
from gradtop.trainer.jobs.search.storage import why_unusable
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import RecordError, list_runs
from gradtop.tui.cli.main import main

SPACE = 'search.space={"optimizer.lr" = "log(1e-4, 1e-1)"}'


def has_all(_name: str) -> object:
    return True


def has_none(_name: str) -> None:
    return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "old.db") as database:
        database.execute("create table trials (number)")
    database.close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "notes.txt").write_text("# what I tried\n")
    (tmp_path / "inner").mkdir()
    return tmp_path


@pytest.mark.parametrize("url", ["sqlite:///new.db", "sqlite:///old.db", "sqlite:///empty.db", "sqlite:///inner/new.db?timeout=20", "sqlite+pysqlite:///new.db", "sqlite:///file:here?uri=true"])
def test_a_file_that_can_be_made_or_is_a_database_is_taken(folder: Path, url: str) -> None:
    assert why_unusable(url, str(folder)) == ""
    assert why_unusable(f"sqlite:///{folder}/new.db", "/") == ""


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:///missing/new.db", "there is no folder {folder}/missing; create it, or name another"),
        ("sqlite:///notes.txt/new.db", "there is no folder {folder}/notes.txt; create it, or name another"),
        ("sqlite:///inner", "{folder}/inner is a folder; name a file in it"),
        ("sqlite:///notes.txt", "{folder}/notes.txt is not an SQLite database; name another file"),
        ("sqlite://new.db", "names a host, which SQLite has none of; write sqlite:///new.db for a file here, sqlite:////… for one with an absolute path"),
        ("sqlite://", "keeps the trials in the memory of the search, and a resume would not find them; name a file, such as sqlite:///search.db"),
        ("sqlite:///:memory:", "keeps the trials in the memory of the search, and a resume would not find them; name a file, such as sqlite:///search.db"),
        ("sqlite:///~/new.db", "~ is not replaced in a URL; write sqlite:///{home}/new.db"),
        ("sqllite:///new.db", "there is no database of the kind 'sqllite'; did you mean sqlite?"),
        ("postgres://me@host/name", "there is no database of the kind 'postgres'; did you mean postgresql?"),
        ("excel://host/name", "there is no database of the kind 'excel'; there are: mariadb, mssql, mysql, oracle, postgresql, redis, sqlite"),
        ("mysql+pymsql://host/name", "mysql has no driver 'pymsql'; did you mean mysql+pymysql?"),
        ("postgresql+excel://host/name", "postgresql has no driver 'excel'; leave it out: postgresql://…"),
        ("postgresql://host:name/x", "is no URL: Port could not be cast to integer value as 'name'; write one such as postgresql://user@host/name"),
    ],
)
def test_what_cannot_be_a_storage_is_said_with_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(storage, "entry_points", lambda **_: [])
    without_user = url.replace("me@", "")
    assert why_unusable(url, str(folder), finds=has_all) == f"{without_user}: {sentence.format(folder=folder, home=folder)}"


@pytest.mark.parametrize(
    ("url", "module", "package"),
    [
        ("postgresql://me:secret@host/name", "psycopg", "'psycopg[binary]'"),
        ("postgresql+psycopg2://host/name", "psycopg2", "psycopg2"),
        ("mysql://host/name", "MySQLdb", "mysqlclient"),
        ("mariadb+pymysql://host/name", "pymysql", "pymysql"),
        ("mysql+mysqlconnector://host/name", "mysql", "mysql-connector-python"),
        ("redis://host:6379/0", "redis", "redis"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_with_what_installs_it(url: str, module: str, package: str) -> None:
    shown = url.replace("me:secret@", "")
    assert why_unusable(url, "/", finds=has_none) == f"{shown}: requires the Python module {module}, which is not installed: pip install {package}"


@pytest.fixture
def port() -> Iterator[int]:
    """One that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_host_that_does_not_answer_is_named_and_one_that_does_is_left_to_its_driver(port: int) -> None:
    url = f"postgresql://me:secret@127.0.0.1:{port}/name"
    assert why_unusable(url, "/", finds=has_all) == ""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # taken, and nobody listens there
        closed = unheard.getsockname()[1]
        assert why_unusable(url.replace(str(port), str(closed)), "/", finds=has_all) == (
            f"postgresql://127.0.0.1:{closed}/name: 127.0.0.1:{closed} cannot be reached (Connection refused); start the database, or correct host and port"
        )
    assert why_unusable("postgresql:///name?host=/run/postgresql", "/", finds=has_all) == ""


def test_nothing_is_created_for_a_search_whose_storage_cannot_be_used(tmp_path: Path) -> None:
    config = parse_config("", overrides=[SPACE, f"search.storage=sqlite:///{tmp_path}/missing/new.db"], job="search")
    with pytest.raises(RecordError, match=f"search.storage: .*there is no folder {tmp_path}/missing; create it, or name another"):
        create_run(tmp_path / "runs", config)
    assert not (tmp_path / "runs").exists()


def test_the_command_refuses_such_a_storage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my.toml").write_text('[data]\nkind = "fake"\n')
    url = f"sqlite:///{tmp_path}/missing/x.db"
    assert main(["search", str(tmp_path / "my.toml"), "--space", "optimizer.lr=log(1e-4, 1e-1)", "--storage", url, "--runs", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"gradtop: search.storage: {url}: there is no folder {tmp_path}/missing; create it, or name another\n")
    assert not list_runs(tmp_path / "runs")
