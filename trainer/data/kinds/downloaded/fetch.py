"""Files from the network and out of archives: whole and checked under their name, or not there at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gradtop.trainer.runtime.preparing import telling

_CHUNK = 1 << 18
_SILENCE = 15.0  # seconds without a byte after which a server is given up
_SAY_EVERY = 5.0


class FetchError(Exception):
    """A file could not be had; the message is the reason, without the file's name."""


def download(url: str, target: Path, md5: str) -> None:
    """Fetch `url` to `target`, with a line of progress now and then. Raises FetchError."""
    say = Said(target.name)
    try:
        with urllib.request.urlopen(url, timeout=_SILENCE) as answer, written_whole(target) as file:  # noqa: S310 - torchvision's addresses
            total = int(answer.headers.get("Content-Length") or 0)
            say.begin(url, total)
            digest = hashlib.md5(usedforsecurity=False)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                say.progress(file.tell(), total)
            if 0 < file.tell() < total:
                raise FetchError(f"the connection ended after {file.tell():,} of {total:,} bytes")
            if digest.hexdigest() != md5:
                raise FetchError("the downloaded file is not the expected one (its MD5 checksum differs)")
            size = file.tell()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(_reason(error)) from error
    say.end(size)


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None)  # a URLError wraps what the system said
    return str(inner if isinstance(inner, Exception) else error) or type(error).__name__


class Said:
    """The lines about one download that go to the worker's log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0.0

    def begin(self, url: str, total: int) -> None:
        size = f" ({total / 1e6:,.1f} MB)" if total else ""
        print(f"downloading {self._name}{size} from {url}", flush=True)
        self._next = time.monotonic() + _SAY_EVERY
        self._tell = telling(f"downloading {self._name}, MB")

    def progress(self, done: int, total: int) -> None:
        self._tell(done // 1_000_000, total // 1_000_000)
        if time.monotonic() < self._next:
            return
        share = f" of {total / 1e6:,.1f} MB, {done / total:.0%}" if total else " MB"
        print(f"downloading {self._name}: {done / 1e6:,.1f}{share}", flush=True)
        self._next = time.monotonic() + _SAY_EVERY

    def end(self, size: int) -> None:
        self._tell(-1, 0)
        print(f"downloaded {self._name} ({size / 1e6:,.1f} MB)", flush=True)


@contextlib.contextmanager
def written_whole(target: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the name `target` at the end of the block, and vanishes if the block fails."""
    # The process's number: two runs may fetch the same file at once, and the later one wins.
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
