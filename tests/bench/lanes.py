"""Lanes that are forked from one process with PyTorch in it, so that none waits for the import."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

from tests.bench.lane import answer

_FORKING = get_context("forkserver")


def preload(env: Mapping[str, str]) -> None:
    """Have PyTorch imported in this environment, in which all lanes train. Once for a process."""
    _FORKING.set_forkserver_preload([answer.__module__])
    with patch.dict(os.environ, env, clear=True):
        forkserver.ensure_running()


class ForkedLane:
    """The side that measures. Raises RuntimeError where the other side ends."""

    def __init__(self, way: str, file: Path, changes: Sequence[str]) -> None:
        self._way = way
        self._connection, theirs = _FORKING.Pipe()
        self._process = _FORKING.Process(target=_train, args=(theirs, way, file, tuple(changes)))
        self._process.start()
        theirs.close()
        self._answer()

    def epoch(self) -> float:
        """Have an epoch trained; the seconds that it took."""
        with suppress(BrokenPipeError):  # then there is no answer either
            self._connection.send(self._way)
        return self._answer()

    def close(self) -> None:
        # The end of its questions ends it.
        self._connection.close()
        self._process.join()

    def _answer(self) -> float:
        try:
            return float(self._connection.recv())
        except (EOFError, ConnectionResetError):
            self._process.join()
            raise RuntimeError(f"{self._way} ended with {self._process.exitcode}") from None


def _train(connection: Connection, way: str, file: Path, changes: Sequence[str]) -> None:
    os.dup2(2, 1)  # what is printed is no figure
    answer(_questions(connection), connection.send, [way], file, changes)


def _questions(connection: Connection) -> Iterator[str]:
    with suppress(EOFError):
        while True:
            yield connection.recv()
