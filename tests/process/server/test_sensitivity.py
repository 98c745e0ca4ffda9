"""A sensitivity analysis whose trainings are forks of the torch server: what it records, kills, and what does not train."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from statistics import fmean

import pytest

from gradtop.trainer.config import load_config, parse_config
from gradtop.trainer.jobs.sensitivity.outcome import sensitivity_of
from gradtop.trainer.launch import create_run, start_worker
from gradtop.trainer.record import Run, RunState, list_runs, read_meta, read_status
from gradtop.trainer.trials.recorded import TrialState, read_trials
from tests.disk import mounted, occupy
from tests.process.support import Process, wait_for_state
from tests.support import wait_until

CONFIG = """
[model]
kind = "mlp"
hidden = [8]
[data]
kind = "fake"
samples = 200
classes = 3
image_size = 4
channels = 1
[optimizer]
kind = "sgd"
lr = 0.05
[training]
epochs = 1
batch_size = 32
device = "cpu"
[sensitivity]
seeds = 2
points = 2
[sensitivity.vary]
"optimizer.lr" = "log(1e-2, 1)"
"""
POINTS = [0.05, 0.01, 1.0]  # learning rates in the order in which they are trained


def analysis(folder: Path, *words: str) -> Run:
    return create_run(folder, parse_config(CONFIG, overrides=list(words), job="sensitivity"), name="swing")


def ended(run: Run) -> RunState:
    wait_until(lambda: read_status(run).state.has_ended, why="the end of the analysis", timeout=120)
    return read_status(run).state


def whole(run: Run) -> None:
    """Each training was done once, in trials.jsonl and as a run with its values."""
    trials = read_trials(run)
    assert [(trial.number, trial.state) for trial in trials] == [(number, TrialState.DONE) for number in range(6)]
    of_it = [meta for each in list_runs(run.path.parent) if (meta := read_meta(each)).search == run.id]
    assert sorted(meta.trial for meta in of_it) == list(range(6))
    trained = [load_config(Run(run.path.parent / trial.run).config) for trial in trials]
    assert [each.part("optimizer").lr for each in trained] == POINTS * 2  # type: ignore[attr-defined]
    assert [each.training.seed for each in trained] == [0] * 3 + [1] * 3


def test_each_value_is_trained_with_each_seed_as_a_run_and_compared(tmp_path: Path, running_server: int) -> None:
    run = analysis(tmp_path, "sensitivity.workers=2", "training.threads=1")
    start_worker(run)
    assert ended(run) is RunState.DONE, read_status(run).error
    whole(run)
    trials, outcome = read_trials(run), sensitivity_of(read_status(run).result)
    losses = [fmean(trial.values["loss"] for trial in trials[place::3]) for place in range(3)]
    (effect,) = outcome.fields
    assert (outcome.base, effect.deviation) == pytest.approx((losses[0], max(losses) - min(losses)))
    assert [each.mean for each in effect.points] == pytest.approx([losses[1], losses[0], losses[2]])
    assert effect.best == POINTS[losses.index(min(losses))]
    first, base = (read_meta(Run(tmp_path / trials[place].run)) for place in (1, 0))
    assert (first.parent, [(each.key, each.new) for each in first.changes]) == (run.id, [("optimizer.lr", 0.01)])
    assert not base.changes


def test_a_full_disk_ends_the_analysis_with_a_sentence_and_costs_no_training(tmp_path: Path, running_server: int) -> None:
    with mounted(tmp_path, "4m") as disk:
        run = analysis(disk, "training.epochs=15", "training.threads=1")
        start_worker(run)
        wait_until(lambda: any(trial.state is TrialState.DONE for trial in read_trials(run)), why="the first training", timeout=60)
        ballast = occupy(disk)
        assert ended(run) is RunState.FAILED
        assert "No space left on device" in (error := read_status(run).error), error
        assert error.endswith("resume the sensitivity analysis when that is mended")
        ballast.unlink()
        start_worker(run, resume=True)
        assert ended(run) is RunState.DONE, read_status(run).error
        whole(run)


def test_an_analysis_and_a_training_that_are_killed_go_on_and_nothing_is_lost_or_counted_twice(tmp_path: Path, running_server: int) -> None:
    run = analysis(tmp_path, "training.epochs=40")
    start_worker(run)
    trial = wait_until(lambda: next((trial for trial in read_trials(run) if trial.number == 1 and trial.state is TrialState.TRAINING), None), why="the second training", timeout=60)
    before = next(each for each in read_trials(run) if each.number == 0)
    wait_until(lambda: read_status(Run(tmp_path / trial.run)).pid, why="its process")
    for each in (run, Run(tmp_path / trial.run)):
        with contextlib.suppress(ProcessLookupError):  # it may have ended before this process came to look
            process = Process(read_status(each).pid)
            process.kill(signal.SIGKILL)
            assert process.ends_within(30)
    wait_for_state(run, RunState.DIED)
    start_worker(run, resume=True)
    assert ended(run) is RunState.DONE, read_status(run).error
    whole(run)
    assert read_trials(run)[0] == before


def test_a_training_that_diverges_is_counted_and_a_base_that_does_is_a_sentence(tmp_path: Path, running_server: int) -> None:
    wild = 'sensitivity.vary={"lr" = "choice(0.05, 0.1, 1e30)"}'
    run = analysis(tmp_path, wild, "training.epochs=2")
    start_worker(run)
    assert ended(run) is RunState.DONE, read_status(run).error
    outcome = sensitivity_of(read_status(run).result)
    assert (outcome.failed, outcome.fields[0].failed) == (2, 2)
    assert [each.state for each in read_trials(run)] == [TrialState.DONE, TrialState.DONE, TrialState.FAILED] * 2
    lost = analysis(tmp_path, wild, "optimizer.lr=1e30", "training.epochs=2")
    start_worker(lost)
    assert ended(lost) is RunState.FAILED
    assert "the configuration itself does not train" in read_status(lost).error
