"""Speed tests that have measured what a test wants."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.speed.candidates import Timing, Tournament
from gradtop.trainer.jobs.speed.result import told_of
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, StreamWriter, write_status
from gradtop.trainer.record.streams.registry import SPEEDS
from tests.tui.runs_fixture import NOW

# Of one round: bf16 is twice as fast, one thread a little slower, channels-last works not at all.
SECONDS = {"": 0.010, "training.threads": 0.012, "training.precision": 0.005, "training.channels_last": math.nan}
CHOICES: Mapping[str, Sequence[object]] = {"training.threads": [1], "training.precision": ["bf16"], "training.channels_last": [True]}


def tournament(measured: int) -> Tournament:
    """The first so many measurements of a test of one round."""
    test = Tournament(CHOICES, rounds=1, gain=0.03, tolerance=0.05)
    while len(test.timings) < measured and (trial := test.next()) is not None:
        seconds = 0.010
        for key in trial.changes:
            seconds *= SECONDS[key] / 0.010
        error = "the model has no convolutions" if math.isnan(seconds) else ""
        test.add(Timing(trial.stage, trial.round, trial.changes, seconds, 64 / seconds, 2.3 if "training.precision" not in trial.changes else 2.302, error))
    return test


def record_timings(run: Run, test: Tournament) -> None:
    """As the worker records them."""
    writer, settings = StreamWriter(run), list(test.measured())
    writer.open(SPEEDS, first_step=1)
    for step, each in enumerate(test.timings, 1):
        writer.put(SPEEDS, step, NOW + step, (settings.index(each.changes), each.stage, each.round, each.seconds, each.samples_per_s, each.loss))
    writer.close()


def speed_run(runs: Path, *, state: RunState = RunState.DONE, parent: Run | None = None, measured: int = 100) -> Run:
    """A test that has measured so much."""
    run = create_run(runs, parse_config("", job="speed"), name="swift-otter", parent=parent)
    test = tournament(measured)
    result = told_of(test) if test.timings else {}
    record_timings(run, test)
    write_status(run, Status(state=state, step=len(test.timings), steps=9, updated=NOW, ended=NOW, seconds=30.0, result=result))
    return run
