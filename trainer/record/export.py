"""A run's records for other programs: CSV, Parquet, TensorBoard."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

from gradtop.trainer.record import Column, RecordError, Run, StreamReader, list_ranks, list_streams, read_meta
from gradtop.trainer.record.event_file import EventFile, HistogramSummary
from gradtop.trainer.record.streams.reader import MOST_STREAMS
from gradtop.trainer.record.streams.registry import (
    COUNT,
    HIGH,
    HISTOGRAMS,
    LOW,
    MAX,
    MEAN,
    MIN,
    NONFINITE,
    PARAMETER,
    PICTURES,
    STD,
    bins,
    columns_of,
    count_bins,
    written_by,
)
from gradtop.trainer.record.writing import FILE, STALE, WRITING, open_folder, remove_folder

BATCH = 8192
PART = re.compile(r"\.[0-9a-f]{16}\.part")


@dataclass(frozen=True, slots=True)
class Exported:
    """The files that were written, and the streams without records."""

    paths: tuple[Path, ...]
    empty: tuple[str, ...] = ()


def export_run(run: Run, to: str, out: Path, *, overwrite: bool = False) -> Exported:
    """Write the run's streams into the folder `out` as `csv`, `parquet` (a file for each) or `tensorboard` (one for all).

    All files or none: an export that fails leaves neither files nor a folder. Raises RecordError with a message for the user.
    """
    write = WRITERS.get(to)
    if write is None:
        raise RecordError(f"Unknown format {to!r}; available: {', '.join(WRITERS)}.")
    streams = readable_streams(run)
    there = {stream.stream for stream in streams}
    empty = [stream.stem for stream in streams if not stream.count]
    # A run of another job, or of none that is known, has not to write what is declared; pictures only one that was looked at.
    empty += [name for name in written_by(read_meta(run).job) if name not in there and name != PICTURES]
    try:
        with ExportFolder(run, out, overwrite=overwrite) as folder:
            write(streams, folder)
        return Exported(tuple(folder.paths), tuple(empty))
    except OSError as error:
        raise RecordError(f"{out}: cannot be written: {error.strerror or error}. Choose another directory with --output.") from None


def readable_streams(run: Run) -> list[StreamReader]:
    """All streams; raises RecordError where one cannot be read, rather than leave it out unseen, and where none holds anything."""
    names = list_streams(run)
    if len(names) > MOST_STREAMS:
        raise RecordError(f"{run.id} cannot be exported: it has {len(names)} streams, and gradtop writes no more than {MOST_STREAMS}.")
    streams = [StreamReader(run, name, rank=rank) for name in names for rank in list_ranks(run, name)]
    for stream in streams:
        stream.refresh()
        if stream.unreadable:
            raise RecordError(f"{run.id} cannot be exported: {stream.unreadable}")
    if not any(stream.count for stream in streams):
        raise RecordError(f"{run.id} has no records yet.")
    return streams


class ExportFolder:
    """A folder into which files are renamed together once all are written; on an error it is left unchanged.

    It is opened once, and files are named within what was opened: nothing that takes its place meanwhile is written to.
    """

    def __init__(self, run: Run, path: Path, *, overwrite: bool) -> None:
        self.paths: list[Path] = []
        self._path, self._overwrite = path.absolute(), overwrite
        self._root = within(run, self._path)
        self._descriptor = -1
        self._parts: list[str] = []
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        self._made = [place for place in (self._path, *self._path.parents) if not place.exists()]
        try:
            if self._root is None:
                self._path.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            else:
                # A run may come from somebody else: nothing is written to where its links point.
                self._descriptor = open_folder(self._root, self._path)
        except OSError:
            self._undo()
            if self._root is not None and (link := first_link(self._root, self._path)) is not None:
                raise RecordError(f"{link} is a symbolic link, which is not followed. Choose another directory with --output.") from None
            raise
        if self._root is not None:
            self._remove_leftovers()
        return self

    def _remove_leftovers(self) -> None:
        """Remove what exports that were killed have left in the run."""
        for name in filter(PART.fullmatch, os.listdir(self._descriptor)):
            with suppress(OSError):
                if time.time() - os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mtime > STALE:
                    os.unlink(name, dir_fd=self._descriptor)

    def add(self, names: Iterable[str]) -> list[str]:
        """Names to `create`, one for each file. Raises RecordError where one is there already and is not to be replaced."""
        wanted = [self._path / name for name in names]
        if not self._overwrite and (known := next((path for path in wanted if self._exists(path.name)), None)) is not None:
            raise RecordError(f"{known} already exists. Replace it with --overwrite, or choose another directory with --output.")
        parts = [f".{os.urandom(8).hex()}.part" for _ in wanted]
        self.paths += wanted
        self._parts += parts
        return parts

    def create(self, part: str) -> BinaryIO:
        """A new file; within a run directory, with the mode of its files."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | WRITING
        descriptor = os.open(part, flags, 0o666 if self._root is None else FILE, dir_fd=self._descriptor)
        if self._root is not None:
            os.fchmod(descriptor, FILE)
        return open(descriptor, "wb")

    def _exists(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        try:
            if failed is not None:
                self._undo()
                return
            for part, path in zip(self._parts, self.paths, strict=True):
                os.rename(part, path.name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except OSError:
            self._undo()
            raise
        finally:
            os.close(self._descriptor)

    def _undo(self) -> None:
        for part in self._parts:
            with suppress(FileNotFoundError):
                os.unlink(part, dir_fd=self._descriptor)
        for place in self._made:
            if self._root is not None:
                remove_folder(self._root, place)
            else:
                with suppress(OSError):
                    place.rmdir()


def within(run: Run, path: Path) -> Path | None:
    """The leading part of the path that is the run directory, under whatever name; None if the path is outside of it."""
    for place in (path, *path.parents):
        with suppress(OSError):
            if place.samefile(run.path) and ".." not in path.relative_to(place).parts:
                return place
    return None


def first_link(root: Path, path: Path) -> Path | None:
    """The first symbolic link between a folder and a path in it."""
    return next((place for place in reversed((path, *path.parents)) if place.is_relative_to(root) and place != root and place.is_symlink()), None)


def all_columns(stream: StreamReader) -> list[Column]:
    """Step, time and the columns of all segments, in order of first appearance."""
    return list({column.name: column for segment in stream.segments for column in segment.columns}.values())


def rows_of(stream: StreamReader, columns: Sequence[Column]) -> Iterator[list[float | str | None]]:
    """Records with a value for each column; None for what was not measured or is not in their segment. Parameters stand by their names."""
    for segment in stream.segments:
        places = [segment.places.get(column.name) for column in columns]
        sparse = [place is None or segment.columns[place].sparse for place in places]
        named = [number for number, column in enumerate(columns) if is_parameter(stream, column)]
        for row in segment.rows(0, segment.valid):
            values = [math.nan if place is None else row[place] for place in places]
            found: list[float | str | None] = [None if empty and value != value else value for value, empty in zip(values, sparse, strict=True)]
            for number in named:
                found[number] = parameter_name(segment.extra, values[number])
            yield found


def is_parameter(stream: StreamReader, column: Column) -> bool:
    """Whether a column holds the number of a parameter."""
    return stream.stream in {HISTOGRAMS, PICTURES} and column.name == PARAMETER


def parameter_name(extra: Mapping[str, object], number: float) -> str:
    """The name of a parameter that a stream numbers; the number where it has none."""
    names = extra.get("parameters")
    if not isinstance(names, list) or not 0 <= number < len(names):
        return f"{number:g}"
    return str(names[int(number)])


def write_csv(streams: Sequence[StreamReader], folder: ExportFolder) -> None:
    """A value that was not measured is empty; one that is not finite is nan, inf or -inf."""
    for stream, part in zip(streams, folder.add(f"{stream.stem}.csv" for stream in streams), strict=True):
        columns = all_columns(stream)
        with io.TextIOWrapper(folder.create(part), encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([column.name for column in columns])
            writer.writerows([int_step(row[0]), *row[1:]] for row in rows_of(stream, columns))


def int_step(step: float | str | None) -> float | str | None:
    return int(step) if isinstance(step, float) else step


def write_parquet(streams: Sequence[StreamReader], folder: ExportFolder) -> None:
    """What was not measured is null; units and what the segment's JSON tells beside them are in the schema's metadata."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise RecordError("Parquet needs pyarrow: pip install 'gradtop[export]'. CSV needs nothing.") from None
    for stream, part in zip(streams, folder.add(f"{stream.stem}.parquet" for stream in streams), strict=True):
        columns = all_columns(stream)
        fields = [
            pa.field(c.name, pa.string() if is_parameter(stream, c) else pa.float64(), metadata={"unit": c.unit} if c.unit else None) for c in columns
        ]
        schema = pa.schema(fields, metadata={"gradtop.stream": stream.stream, "gradtop.rank": str(stream.rank), "gradtop.extra": json.dumps(dict(stream.extra))})
        with folder.create(part) as file, parquet.ParquetWriter(file, schema) as writer:
            rows = rows_of(stream, columns)
            while batch := list(islice(rows, BATCH)):
                values = [list(column) for column in zip(*batch, strict=True)]
                writer.write_batch(pa.record_batch(values, schema=schema))


def write_tensorboard(streams: Sequence[StreamReader], folder: ExportFolder) -> None:
    """Scalars are named `stream/column`, of rank 1 `stream.r1/column`; what was not measured is left out."""
    first = min((row[1] for stream in streams for row in islice(stream.rows(), 1)), default=0.0)
    (part,) = folder.add([f"events.out.tfevents.{int(first)}.gradtop"])
    with folder.create(part) as file:
        events = EventFile(file, first)
        for stream in streams:
            if stream.stream == HISTOGRAMS:
                add_histograms(events, stream)
            elif stream.stream != PICTURES:
                add_scalars(events, stream)


def add_scalars(events: EventFile, stream: StreamReader) -> None:
    columns = all_columns(stream)
    tags = [f"{stream.stem}/{column.name}" for column in columns[2:]]
    for row in rows_of(stream, columns):
        step, time = (value if isinstance(value, float) else 0.0 for value in row[:2])
        events.scalars(step, time, [(tag, value) for tag, value in zip(tags, row[2:], strict=True) if isinstance(value, float)])


def add_histograms(events: EventFile, stream: StreamReader) -> None:
    columns = [column.name for column in stream.columns]
    edges = bins(count_bins(columns))
    places = {name: place for place, name in enumerate(columns, 2)}
    if not edges or not {column.name for column in columns_of(HISTOGRAMS) if column.name != NONFINITE} <= places.keys():
        return
    for row in stream.rows():
        found: dict[str, Any] = {name: row[place] for name, place in places.items()}
        if not all(math.isfinite(value) for value in row):
            continue
        count, mean = found[COUNT] - found.get(NONFINITE, 0.0), found[MEAN]
        width = (found[HIGH] - found[LOW]) / len(edges)
        histogram = HistogramSummary(
            low=found[MIN],
            high=found[MAX],
            count=count,
            total=mean * count,
            squares=(found[STD] * found[STD] + mean * mean) * count,
            edges=[found[LOW] + width * (each + 1) for each in range(len(edges))],
            counts=[found[name] for name in edges],
        )
        events.histogram(row[0], row[1], f"{stream.stem}/{parameter_name(stream.extra, found[PARAMETER])}", histogram)


WRITERS: dict[str, Callable[[Sequence[StreamReader], ExportFolder], None]] = {
    "csv": write_csv,
    "parquet": write_parquet,
    "tensorboard": write_tensorboard,
}
