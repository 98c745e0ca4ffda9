"""Requests to the torch server that end when whoever made them closes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.launch.answers import ANSWERS, Closable, request_answer
from gradtop.trainer.launch.server import Refused


class Requests:
    """Thread-safe; `close` cancels what is pending."""

    def __init__(self, *, server: bool = True) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._pending: set[Closable] = set()
        self.closed = False

    def answer(self, kind: str, question: Mapping[str, Any], *, seconds: float = ANSWERS) -> dict[str, Any]:
        """Wait for the answer, so many seconds at most. Raises OSError with a sentence."""
        if self.closed:
            raise Refused("cancelled")
        connections: list[Closable] = []

        def opened(connection: Closable) -> None:
            connections.append(connection)
            with self._lock:
                self._pending.add(connection)
                closed = self.closed
            if closed:
                connection.close()

        try:
            return request_answer(kind, question, server=self._server, seconds=seconds, opened=opened)
        finally:
            with self._lock:
                self._pending.difference_update(connections)

    def close(self) -> None:
        with self._lock:
            self.closed = True
            pending = set(self._pending)
        for connection in pending:
            connection.close()
