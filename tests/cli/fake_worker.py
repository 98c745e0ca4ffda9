"""A worker that trains nothing: it answers its inbox and goes through the states that a real one goes through."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gradtop.trainer.record import Inbox, Run, append_event
from tests.tui.runs_fixture import Grower

Answer = Callable[[str], tuple[bool, str]]


class FakeWorker:
    """Answers each command with what `answer` says of it; with "stop" the run ends as stopped.

    Where there is a `consequence`, it refuses with it whatever is not confirmed.
    """

    def __init__(self, run: Run, grower: Grower, answer: Answer = lambda name: (True, f"{name} it is"), *, consequence: str = "") -> None:
        self.run, self.grower, self.answer, self.consequence = run, grower, answer, consequence
        self.seen: list[tuple[str, dict[str, object]]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        inbox = Inbox(self.run)
        while not self._end.wait(0.01):
            for command in inbox.poll():
                self.seen.append((command.name, dict(command.arguments)))
                inbox.done(command)
                if self.consequence and not command.arguments.get("confirmed"):
                    append_event(self.run, "command", id=command.id, command=command.name, ok=False, message=self.consequence, unconfirmed=True)
                    continue
                ok, message = self.answer(command.name)
                append_event(self.run, "command", id=command.id, command=command.name, ok=ok, message=message)
                if command.name == "stop":
                    self.grower.status("stopped")
