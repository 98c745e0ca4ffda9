"""A run's records for other programs: CSV, Parquet, TensorBoard."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from gradtop.trainer.record import Column, RecordError, Run, StreamReader, list_ranks, list_streams
from gradtop.trainer.record.event_file import EventFile, Histogram
from gradtop.trainer.record.streams.registry import (
    COUNT,
    HIGH,
    HISTOGRAMS,
    LOW,
    MAX,
    MEAN,
    MIN,
    PARAMETER,
    STD,
    bins,
    columns_of,
    count_bins,
)

BATCH = 8192

Row = tuple[float, ...]


def export_run(run: Run, to: str, out: Path) -> list[Path]:
    """Write the run's streams into the folder `out` as `csv`, `parquet` (a file for each) or `tensorboard` (one for all).

    Returns the files written, none of them half. Raises RecordError with a sentence for the user.
    """
    write = WRITERS.get(to)
    if write is None:
        raise RecordError(f"There is no format {to!r}; there are {', '.join(WRITERS)}.")
    streams = readable_streams(run)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return write(streams, out)
    except OSError as error:
        raise RecordError(f"{out}: cannot be written: {error.strerror or error}. Choose another place with --output.") from None


def readable_streams(run: Run) -> list[StreamReader]:
    """All streams that hold something; raises RecordError where one cannot be read, rather than leave it out unseen."""
    streams = [StreamReader(run, name, rank=rank) for name in list_streams(run) for rank in list_ranks(run, name)]
    for stream in streams:
        stream.refresh()
        if stream.unreadable:
            raise RecordError(f"{run.id} cannot be exported: {stream.unreadable}")
    streams = [stream for stream in streams if stream.count]
    if not streams:
        raise RecordError(f"{run.id} has recorded nothing yet.")
    return streams


def all_columns(stream: StreamReader) -> list[Column]:
    """Step, time and the columns of all segments, in the order in which they came up."""
    return list({column.name: column for segment in stream.segments for column in segment.columns}.values())


def rows_of(stream: StreamReader, columns: Sequence[Column]) -> Iterator[list[float | None]]:
    """Records with a value for each column; None for what was not measured or is not in their segment."""
    for segment in stream.segments:
        places = [segment.places.get(column.name) for column in columns]
        sparse = [place is None or segment.columns[place].sparse for place in places]
        for row in segment.rows(0, segment.valid):
            values = [math.nan if place is None else row[place] for place in places]
            yield [None if empty and value != value else value for value, empty in zip(values, sparse, strict=True)]


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place to write to that becomes `path` when all is written."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_csv(streams: Sequence[StreamReader], out: Path) -> list[Path]:
    """A value that was not measured is empty; one that is not finite is nan, inf or -inf."""
    paths = []
    for stream in streams:
        columns = all_columns(stream)
        with whole(out / f"{stream.stem}.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([column.name for column in columns])
            writer.writerows([int_step(row[0]), *row[1:]] for row in rows_of(stream, columns))
        paths.append(out / f"{stream.stem}.csv")
    return paths


def int_step(step: float | None) -> float | int | None:
    return int(step) if step is not None and math.isfinite(step) else step


def write_parquet(streams: Sequence[StreamReader], out: Path) -> list[Path]:
    """What was not measured is null; units and what the segment's JSON tells beside them are in the schema's metadata."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise RecordError("Parquet needs pyarrow: pip install 'gradtop[export]'. CSV needs nothing.") from None
    paths = []
    for stream in streams:
        columns = all_columns(stream)
        fields = [pa.field(c.name, pa.float64(), metadata={"unit": c.unit} if c.unit else None) for c in columns]
        schema = pa.schema(fields, metadata={"gradtop.stream": stream.stream, "gradtop.rank": str(stream.rank), "gradtop.extra": json.dumps(dict(stream.extra))})
        with whole(out / f"{stream.stem}.parquet") as part, parquet.ParquetWriter(part, schema) as writer:
            rows = rows_of(stream, columns)
            while batch := list(islice(rows, BATCH)):
                values = [list(column) for column in zip(*batch, strict=True)]
                writer.write_batch(pa.record_batch(values, schema=schema))
        paths.append(out / f"{stream.stem}.parquet")
    return paths


def write_tensorboard(streams: Sequence[StreamReader], out: Path) -> list[Path]:
    """Scalars are named `stream/column`, of rank 1 `stream.r1/column`; what was not measured is left out."""
    first = min(row[1] for stream in streams for row in stream.rows(0, 1))
    path = out / f"events.out.tfevents.{int(first) if math.isfinite(first) else 0}.gradtop"
    with whole(path) as part, part.open("wb") as file:
        events = EventFile(file, first)
        for stream in streams:
            if stream.stream == HISTOGRAMS:
                add_histograms(events, stream)
            else:
                add_scalars(events, stream)
    return [path]


def add_scalars(events: EventFile, stream: StreamReader) -> None:
    columns = all_columns(stream)
    tags = [f"{stream.stem}/{column.name}" for column in columns[2:]]
    for row in rows_of(stream, columns):
        step, time = row[0] or 0.0, row[1] or 0.0
        events.scalars(step, time, [(tag, value) for tag, value in zip(tags, row[2:], strict=True) if value is not None])


def add_histograms(events: EventFile, stream: StreamReader) -> None:
    names = stream.extra.get("parameters")
    names = names if isinstance(names, list) else []
    columns = [column.name for column in stream.columns]
    edges = bins(count_bins(columns))
    places = {name: place for place, name in enumerate(columns, 2)}
    if not edges or not {column.name for column in columns_of(HISTOGRAMS)} <= places.keys():
        return
    for row in stream.rows():
        found: dict[str, Any] = {name: row[place] for name, place in places.items()}
        if not all(math.isfinite(value) for value in row):
            continue
        number, count, mean = int(found[PARAMETER]), found[COUNT], found[MEAN]
        width = (found[HIGH] - found[LOW]) / len(edges)
        histogram = Histogram(
            low=found[MIN],
            high=found[MAX],
            count=count,
            total=mean * count,
            squares=(found[STD] ** 2 + mean**2) * count,
            edges=[found[LOW] + width * (each + 1) for each in range(len(edges))],
            counts=[found[name] for name in edges],
        )
        name = str(names[number]) if 0 <= number < len(names) else str(number)
        events.histogram(row[0], row[1], f"{stream.stem}/{name}", histogram)


WRITERS: dict[str, Callable[[Sequence[StreamReader], Path], list[Path]]] = {
    "csv": write_csv,
    "parquet": write_parquet,
    "tensorboard": write_tensorboard,
}
