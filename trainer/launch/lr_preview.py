"""The learning rates that a configuration plans, computed by a process that the torch server forks."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradtop.trainer.launch.requests import Requests
from gradtop.trainer.launch.server import ConfigurationRefused

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
        return self.request({"tables": tables, "steps_per_epoch": steps_per_epoch})

    def request(self, question: Mapping[str, Any]) -> Planned:
        """As `plan`; the configuration may also be that of a `file` or a `run`, with `changes` (see trainer/server/requests.py)."""
        key = json.dumps(question, sort_keys=True, default=str)
        with self._lock:
            if key in self._known:
                return self._known[key]
        try:
            planned = _planned(self._requests.answer("lr_plan", question))
        except OSError as error:
            return Planned(problem=str(error), invalid=isinstance(error, ConfigurationRefused))
        with self._lock:
            self._known[key] = planned
            if len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        return planned


def _planned(answer: Mapping[str, Any]) -> Planned:
    if not answer["steps_per_epoch"]:
        return Planned(problem="steps per epoch are unknown until the data are loaded", lacks_length=True)
    points = tuple((int(step), float(lr)) for step, lr in answer["points"])
    return Planned(points, tuple(answer["turns"]), int(answer["steps"]), int(answer["steps_per_epoch"]))
