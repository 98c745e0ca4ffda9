"""What stands of a job over a list of measurements when it is resumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gradtop.trainer.trials.sweep_job import ListedSweep


@dataclass(frozen=True)
class Measured:
    name: str
    error: str = ""


class Listed(ListedSweep[Any, str, Measured]):
    def __init__(self) -> None:
        self._trials = []

    def is_reference(self, trial: Measured) -> bool:
        return trial.name == "float"

    def remaining(self) -> list[str]:
        return [name for name in ("float", "int8", "int4") if name not in {each.name for each in self._trials}]


@pytest.mark.parametrize(
    ("recorded", "left"),
    [
        ([], ["float", "int8", "int4"]),
        ([Measured("float"), Measured("int8", "killed")], ["int4"]),  # it was killed in the middle, and may well measure something yet
        ([Measured("float"), Measured("int8", "killed"), Measured("int4")], []),
        ([Measured("float"), Measured("int8", "killed"), Measured("int4", "killed")], ["int8", "int4"]),
        ([Measured("float"), Measured("int8"), Measured("int4")], []),
    ],
)
def test_what_failed_is_measured_again_where_all_was_measured_in_vain(recorded: list[Measured], left: list[str]) -> None:
    job = Listed()
    job.take_up(recorded)
    assert job.remaining() == left
