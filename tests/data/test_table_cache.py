"""Tables as they were parsed are kept for the next run: when they are taken from there, and when they are read anew."""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from gradtop.trainer.data import prepared
from gradtop.trainer.data.kinds.table import cache, reading
from gradtop.trainer.data.kinds.table.reading import read_table
from gradtop.trainer.data.kinds.table.watched import read_watched
from tests.support import wait_until

ROWS = 500


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "WORTH", 1)
    return tmp_path / "cache" / "gradtop" / "tables"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were parsed, in order."""
    found: list[str] = []
    read = read_watched

    def watched(path: Path, *args: Any) -> Any:
        found.append(path.name)
        return read(path, *args)

    monkeypatch.setattr(reading, "read_watched", watched)
    return found


def written(path: Path, seed: int = 0) -> Path:
    """A number, integers with a missing one, and words with a missing one."""
    drawn = np.random.default_rng(seed)
    table = pa.table({
        "number": drawn.random(ROWS), "whole": pa.array([None, *drawn.integers(9, size=ROWS - 1).tolist()]),
        "word": pa.array(["", *(f"w{each}" for each in drawn.integers(5, size=ROWS - 2)), None]), "price": drawn.random(ROWS),
    })
    csv.write_csv(table, path) if path.suffix == ".csv" else parquet.write_table(table, path, row_group_size=100)
    return path


def columns_of(path: Path, **how: Any) -> dict[str, tuple[list[float], tuple[str, ...] | None]]:
    """As lists, in which what is missing equals itself."""
    table = read_table(path, "data.file", **how)
    found = {name: table.column(name) for name in table.names}
    return {name: (column.values.nan_to_num(nan=-7.5).tolist(), column.words) for name, column in found.items()}


def kept_in(folder: Path, count: int = 1) -> list[Path]:
    wait_until(lambda: folder.is_dir() and len(list(folder.glob("*.table"))) == count, 60, "the table to be kept")
    return sorted(folder.glob("*.table"), key=lambda path: path.stat().st_mtime_ns)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_is_parsed_once_and_again_when_it_has_changed(tmp_path: Path, own_cache: Path, parsed: list[str], kind: str) -> None:
    path = written(tmp_path / f"a.{kind}")
    first = columns_of(path)
    assert {len(values) for values, _ in first.values()} == {ROWS}
    (kept,) = kept_in(own_cache)
    assert (kept.stat().st_mode & 0o777, own_cache.stat().st_mode & 0o777) == (0o600, 0o700)
    assert columns_of(path) == first
    assert parsed == [path.name]
    other = columns_of(written(path, seed=1))
    assert other != first
    assert parsed == [path.name] * 2
    kept_in(own_cache, 2)


def test_another_way_of_reading_is_another_table(tmp_path: Path, own_cache: Path, parsed: list[str]) -> None:
    path = written(tmp_path / "a.csv")
    plain = columns_of(path)
    kept_in(own_cache)
    words = columns_of(path, words=("whole",))
    assert words["whole"][1] is not None
    assert plain["whole"][1] is None
    assert len(parsed) == 2
    kept_in(own_cache, 2)
    assert columns_of(path, words=("whole",)) == words
    some = written(tmp_path / "b.parquet")
    assert read_table(some, "data.file", only=("price",)).names == ["price"]
    kept_in(own_cache, 3)
    assert read_table(some, "data.file").names == ["number", "whole", "word", "price"]


@pytest.mark.parametrize("damage", ["a byte", "the end", "all"])
def test_a_table_that_is_damaged_is_parsed_anew(tmp_path: Path, own_cache: Path, parsed: list[str], damage: str) -> None:
    path = written(tmp_path / "a.csv")
    first = columns_of(path)
    (kept,) = kept_in(own_cache)
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes({"a byte": bytes(content), "the end": kept.read_bytes()[:-9], "all": b""}[damage])
    damaged = kept.read_bytes()
    assert columns_of(path) == first
    assert len(parsed) == 2
    wait_until(lambda: kept.read_bytes() != damaged, 60, "the table to be kept anew")
    assert columns_of(path) == first
    assert len(parsed) == 2


def test_what_is_parsed_in_a_moment_or_changes_meanwhile_is_not_kept(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.csv")
    with monkeypatch.context() as patch:
        stamps = itertools.count()
        patch.setattr(cache, "stamp_of", lambda _path: str(next(stamps)))
        columns_of(path)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "WORTH", 1 << 20)
        columns_of(path)
    assert "keep-table" not in {thread.name for thread in threading.enumerate()}
    assert not own_cache.exists()


def test_a_full_disk_keeps_nothing_and_costs_nothing(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []

    def full(_folder: Path, path: Path, fill: object) -> None:
        tried.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "replace_whole", full)
    assert columns_of(written(tmp_path / "a.csv"))
    wait_until(lambda: bool(tried), 60, "the attempt to keep it")
    assert not list(own_cache.iterdir())


def test_what_was_used_longest_ago_goes_first_and_so_does_what_a_kill_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (tmp_path / f"{number}.table").write_bytes(bytes(100))
        os.utime(tmp_path / f"{number}.table", (number, number))
    left = [tmp_path / f".0.table.{pid}.0123abcd.tmp" for pid in (1, 2)]
    for path in left:
        path.write_bytes(b"half")
    os.utime(left[0], (1, 1))
    prepared.forget(tmp_path, pattern="*.table", most_bytes=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == [left[1].name, "1.table", "2.table"]
    assert time.time() - left[1].stat().st_mtime < 600
