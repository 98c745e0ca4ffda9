"""What is told of the preparation of data, by what the worker writes of it."""

from __future__ import annotations

from typing import Any

import pytest

from gradtop.trainer.analysis.preparation import preparation_of
from gradtop.trainer.record import RunState, Status


def status(state: RunState = RunState.STARTING, **found: Any) -> Status:
    return Status(state=state, preparing={"doing": "looking through the masks", "done": 2500, "of": 10_000, "since": 100.0, "at": 110.0, **found})


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({}, "looking through the masks: 2 500 of 10 000, 0:30 left"),
        ({"at": 100.5}, "looking through the masks: 2 500 of 10 000"),  # half a second tells no pace
        ({"of": 0}, "looking through the masks: 2 500"),
        ({"done": 0}, "looking through the masks: 0 of 10 000"),
        ({"done": 20_000}, "looking through the masks: 20 000 of 10 000"),
        ({"done": -1, "of": "x", "at": float("nan"), "doing": "a\x1b[31mb"}, "ab: 0"),
    ],
)
def test_how_far_it_is_and_how_long_the_rest_takes(found: dict[str, Any], text: str) -> None:
    preparing = preparation_of(status(**found))
    assert preparing is not None
    assert preparing.text.replace("\u202f", " ") == text


def test_a_run_that_trains_or_has_ended_prepares_nothing() -> None:
    assert preparation_of(status(RunState.TRAINING)) is None
    assert preparation_of(status(RunState.FAILED)) is None
    assert preparation_of(status(doing="")) is None
    assert preparation_of(Status(state=RunState.STARTING)) is None
