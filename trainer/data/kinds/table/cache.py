"""Tables as pyarrow has parsed them, kept for whatever run reads the same file in the same way."""

from __future__ import annotations

import contextlib
import shutil
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from gradtop.trainer.data.fingerprint import digest_of
from gradtop.trainer.data.prepared import cache_home, forget, stamp_of
from gradtop.trainer.record.writing import replace_whole

# Bytes of a table: a smaller one is parsed in a second, which keeping it makes a quarter longer where all cores are busy.
WORTH = 256 << 20
LARGEST, MOST_BYTES = 2 << 30, 4 << 30  # of one, and of all that is kept
HEAD = 64  # bytes before the table, which then lies as pyarrow wants it


def cached_table(path: Path, how: Sequence[str], parse: Callable[[], Any]) -> Any:
    """What `parse` makes of a file, which all of `how` decides. Written in a thread of its own, while the table is used."""
    import pyarrow as pa

    stamp = stamp_of(str(path))
    folder = cache_home() / "tables"
    kept = folder / f"{digest_of(part.encode(errors='surrogateescape') for part in (stamp, pa.__version__, *how))}.table"
    if (known := _read(kept)) is not None:
        return known
    table = parse()
    # A file that was written to meanwhile may be neither what it was nor what it is.
    if WORTH <= table.nbytes <= LARGEST and stamp and stamp == stamp_of(str(path)):
        with contextlib.suppress(RuntimeError):  # of a system without room for a thread
            threading.Thread(target=_keep, args=(folder, kept, table), name="keep-table").start()
    return table


def _keep(folder: Path, path: Path, table: Any) -> None:
    import pyarrow as pa

    def fill(file: BinaryIO) -> None:
        file.write(bytes(HEAD))
        summed = _Summed(file)
        with pa.ipc.new_stream(pa.PythonFile(summed, "w"), table.schema) as stream:
            stream.write_table(table)
        file.seek(0)
        file.write(_head(summed.sum, summed.size))
        file.seek(0, 2)

    with contextlib.suppress(OSError, pa.ArrowException):  # it is parsed again next time
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(folder).free > 4 * table.nbytes:
            replace_whole(folder, path, fill)
            forget(folder, pattern="*.table", most_bytes=MOST_BYTES)


def _read(path: Path) -> Any:
    """None where there is none, or another one than was written."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file:
            found = file.read_buffer()
        path.touch()  # it was used
        content = found.slice(HEAD)
        if found.slice(0, HEAD).to_pybytes() != _head(zlib.crc32(content), content.size):
            return None
        return pa.ipc.open_stream(content).read_all()
    except (OSError, pa.ArrowException):
        return None


def _head(checksum: int, size: int) -> bytes:
    return f"{checksum:08x} {size}".encode().ljust(HEAD)


class _Summed:
    """A file whose content is summed as it is written."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum = self.size = 0

    def write(self, part: Any) -> int:
        self.sum, self.size = zlib.crc32(part, self.sum), self.size + len(part)
        return self._file.write(part)

    def flush(self) -> None:
        """Whoever closes the file does so."""
