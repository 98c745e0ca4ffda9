"""A stop and a signal while a real worker prepares its data."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.analysis.preparation import preparation_of
from gradtop.trainer.record import read_status, send
from tests.process.support import Worker, make_run
from tests.support import wait_until
from tests.training.runs import events

Start = Callable[..., Worker]

CONFIG = """
[model]
kind = "mlp"
hidden = [8]

[data]
kind = "custom"
target = "tests.process.endless:endless"
sampler = "balanced"

[training]
epochs = {epochs}
device = "cpu"
"""


@pytest.mark.parametrize("by", ["stop", "SIGTERM"])
def test_while_labels_are_read_it_says_how_far_and_stops_when_it_is_asked_to(tmp_path: Path, start: Start, by: str) -> None:
    run = make_run(tmp_path, config=CONFIG)
    worker = start(run)
    wait_until(lambda: (found := preparation_of(read_status(run))) is not None and found.done > 0, 60, "a few labels")
    found = preparation_of(read_status(run))
    assert found is not None
    assert (found.doing, found.of) == ("reading the labels", 1 << 40)
    if by == "stop":
        send(run, "stop")
    else:
        worker.kill(signal.SIGTERM)
    assert worker.wait(60) == 0
    status = read_status(run)
    assert (status.state, status.step) == ("stopped", 0)
    if by == "stop":
        assert [(event["command"], event["ok"], event["unsaved"]) for event in events(run, "command")] == [("stop", True, True)]
    assert not list(run.checkpoints.glob("*")) if run.checkpoints.exists() else True
