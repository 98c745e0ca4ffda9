"""The learning rates that a configuration plans, computed by a process that the torch server forks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradtop.trainer.launch.answers import ConfigurationRefused
from gradtop.trainer.launch.requests import Requests

REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class Planned:
    """The learning rates of a run: (step, lr), counted from 1; the steps after which it turns; `problem` where there are none.

    `invalid`: the problem is the configuration's, and names its file and keys. `lacks_length`: it is the number of steps per epoch.
    """

    points: tuple[tuple[int, float], ...] = ()
    turns: tuple[int, ...] = ()
    steps: int = 0
    steps_per_epoch: int = 0
    problem: str = ""
    invalid: bool = False
    lacks_length: bool = False


class LrPreviewer:
    """Requests learning-rate plans and remembers the last ones. Thread-safe."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._lock = threading.Lock()
        self._known: dict[str, Planned] = {}

    def plan(self, tables: Mapping[str, Any], *, steps_per_epoch: int = 0) -> Planned:
        """Compute the plan and wait for it. Errors are returned as `problem`, not raised."""
        question = {"tables": tables, "steps_per_epoch": steps_per_epoch}
        key = json.dumps(question, sort_keys=True, default=str)
        with self._lock:
            if key in self._known:
                return self._known[key]
        planned = request_plan(self._requests.answer, question)
        if not planned.problem or planned.lacks_length:
            with self._lock:
                self._known[key] = planned
                if len(self._known) > REMEMBERED:
                    del self._known[next(iter(self._known))]
        return planned


def request_plan(request: Callable[[str, Mapping[str, Any]], Mapping[str, Any]], question: Mapping[str, Any]) -> Planned:
    """The answer of `request` (as `request_answer`) to a question for a plan, as trainer/server/requests.py has them."""
    try:
        answer = request("lr_plan", question)
    except OSError as error:
        return Planned(problem=str(error), invalid=isinstance(error, ConfigurationRefused))
    if not answer["steps_per_epoch"]:
        return Planned(problem="steps per epoch are unknown until the data are loaded", lacks_length=True)
    points = tuple((int(step), float(lr)) for step, lr in answer["points"])
    return Planned(points, tuple(answer["turns"]), int(answer["steps"]), int(answer["steps_per_epoch"]))
