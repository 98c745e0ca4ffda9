"""Runs and streams for the tests of the run directory."""

from __future__ import annotations

import errno
import math
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.record import Column, Run, SegmentWriter, Series, StreamReader, new_run

NAN, INF = math.nan, math.inf
COLUMNS = [Column("loss"), Column("lr")]


def make_run(folder: Path, name: str = "quiet-heron") -> Run:
    return new_run(folder / "runs", 'kind = "toy"\n', {}, name=name)


def write_segment(run: Run, rows: Sequence[tuple[float, ...]], *, stream: str = "steps", sparse: bool = False, first_step: int = 0) -> None:
    """Rows of step, time and the values of columns v0, v1, …, which are sparse or not."""
    width = len(rows[0]) - 2 if rows else 1
    writer = SegmentWriter(run, stream, [Column(f"v{number}", sparse=sparse) for number in range(width)], first_step=first_step)
    writer.append_many(rows)
    writer.close()


def read(run: Run, stream: str = "steps") -> StreamReader:
    reader = StreamReader(run, stream)
    reader.refresh()
    return reader


def curve(seed: int, records: int, *, start: int = 0, bad: float = 0.05) -> list[tuple[float, ...]]:
    """Steps that rise by one, by ten, or leap; values of all sizes, some not finite, some for a whole stretch."""
    chance = random.Random(seed)
    pace, step, spoilt = chance.choice((1, 1, 3, 10)), start, 0
    rows: list[tuple[float, ...]] = []
    for _ in range(records):
        spoilt = spoilt - 1 if spoilt else (chance.randrange(400) if chance.random() < bad / 100 else 0)
        value = chance.choice((NAN, INF, -INF)) if spoilt or chance.random() < bad else chance.gauss(0, 1) * 10 ** chance.choice((0, 0, 0, 3, 300))
        rows.append((float(step), 1e9 + step, value))
        step += pace if chance.random() < 0.999 else chance.randrange(1, 2000)
    return rows


def assert_exact(series: Series, rows: Sequence[tuple[float, ...]], *, sparse: bool, bins: int, column: int = 2) -> None:
    """Each bin says of the records it stands for what a look at each of them says, and no measured record is left out."""
    assert len(series.x) <= bins
    edges = [edge for pair in zip(series.x, series.x_last, strict=True) for edge in pair]
    assert edges == sorted(edges), "bins overlap"
    place, measured = 0, [row for row in rows if not (sparse and math.isnan(row[column]))]
    for number, (x, x_last) in enumerate(zip(series.x, series.x_last, strict=True)):
        values = []
        while place < len(measured) and measured[place][0] <= x_last:
            assert measured[place][0] >= x, "a measured record is in no bin"
            values.append(measured[place][column])
            place += 1
        finite = [value for value in values if math.isfinite(value)]
        assert (series.finite[number], series.nonfinite[number]) == (len(finite), len(values) - len(finite))
        if finite:
            assert (series.low[number], series.high[number]) == (min(finite), max(finite))
            scale = max(map(abs, finite))
            assert abs(series.mean[number] - sum(value / len(finite) for value in finite)) <= 1e-9 * scale
        else:
            assert math.isnan(series.low[number])
            assert math.isnan(series.high[number])
            assert math.isnan(series.mean[number])
    assert place == len(measured), "measured records after the last bin"


def forbid(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """Have these, and what lies in them, be refused, as to anybody but root a file or folder of mode 000 is."""
    closed = tuple(map(str, paths))

    def refusing(real: Callable[..., Any], *, inside: bool = False) -> Callable[..., Any]:
        def call(path: Any, *words: Any, **more: Any) -> Any:
            asked = os.fspath(path) if not isinstance(path, int) else ""
            if any(asked.startswith(f"{each}/") or (asked == each and not inside) for each in closed):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), asked)
            return real(path, *words, **more)

        return call

    for name in ("open", "listdir", "scandir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    monkeypatch.setattr(os, "stat", refusing(os.stat, inside=True))
