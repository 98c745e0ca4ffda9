"""Measurements of a job in processes of their own, one after the other, while the job obeys its control."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.launch.requests import Requests
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.control import Controllable

LOOK_EVERY = 0.02  # seconds


class Measuring:
    """What a worker asks for: a fork of the torch server that forked it, else a new process, answers with `measure` of the job's room.

    Nothing that such a process does, or dies of, touches the worker.
    """

    def __init__(self, context: RunContext, job: str, controlled: Controllable, *, seconds: float) -> None:
        """`seconds` is the longest that one measurement may take."""
        self._context, self._job, self._controlled, self._seconds = context, job, controlled, seconds

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Raises OSError with a sentence, ProcessEnded where the process was killed; Stop and EndNow, which end the process, too."""
        requests = Requests(server=self._context.forked)
        arguments = {"job": self._job, "run": str(self._context.run.path), "question": question}
        found: list[dict[str, Any] | OSError] = []

        def ask() -> None:
            try:
                found.append(requests.answer("measure", arguments, seconds=self._seconds))
            except OSError as error:
                found.append(error)

        thread = threading.Thread(target=ask, name="measurement", daemon=True)
        thread.start()
        control = self._context.control
        try:
            while thread.is_alive():
                thread.join(LOOK_EVERY)
                if control.due():
                    control.obey(self._controlled)
        finally:
            requests.close()
        (answer,) = found
        if isinstance(answer, OSError):
            raise answer
        return answer
