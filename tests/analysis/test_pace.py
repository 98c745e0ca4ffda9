"""The pace of the last minute against the best, and the time left, from the stream of steps."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from gradtop.trainer.analysis.crowding import advice
from gradtop.trainer.analysis.findings import report
from gradtop.trainer.analysis.pace import Pace, mean_seconds_left, pace_of
from gradtop.trainer.record import (
    Run,
    RunReader,
    RunState,
    SegmentWriter,
    Status,
    append_event,
    new_run,
    process_start,
    this_host,
    write_status,
)
from gradtop.trainer.record.streams.registry import LOSS, REGISTRY, SAMPLES_PER_S, STEPS
from tests.tui.runs_fixture import NOW

BATCH = 10
COLUMNS = [column for column in REGISTRY[STEPS].columns if column.name in {LOSS, SAMPLES_PER_S}]


class Trained:
    """A run whose steps are recorded at any pace, in steps per second."""

    def __init__(self, runs: Path, *, steps: int = 100_000, per_epoch: int = 0, evaluation: float = 0.0, evaluate_every: int = 0) -> None:
        self.run: Run = new_run(runs, f"[training]\nbatch_size = {BATCH}\nevaluate_every = {evaluate_every}\n", {"name": "heron"}, name="heron")
        self.steps, self.per_epoch, self.evaluation = steps, per_epoch, evaluation
        self.evaluated_after = evaluate_every or per_epoch
        self.step, self.time, self.seconds = 0, NOW - 10_000.0, 0.0
        self._writer = SegmentWriter(self.run, STEPS, COLUMNS, first_step=1)
        self.reader = RunReader(self.run)

    def train(self, seconds: float, pace: float) -> None:
        for _ in range(round(seconds * pace)):
            self.step += 1
            self.time += 1 / pace
            self._writer.append(self.step, self.time, [1.0, BATCH * pace])
            if self.evaluated_after and self.step % self.evaluated_after == 0:
                self.time += self.evaluation

    def compile(self, *seconds: float) -> None:
        """Steps that take long, and the pace that a worker records of them: that of at least a second."""
        for each in seconds:
            self.step += 1
            self.time += each
            self._writer.append(self.step, self.time, [1.0, BATCH / each])

    def resume(self) -> None:
        self._writer.close()
        self._writer = SegmentWriter(self.run, STEPS, COLUMNS, first_step=self.step + 1)

    def look(self, reader: RunReader | None = None) -> Pace:
        reader = reader or self.reader
        host, boot = this_host()
        status = Status(state=RunState.TRAINING, host=host, boot=boot, device="cpu", steps=self.steps, step=self.step, seconds=self.seconds, steps_per_epoch=self.per_epoch)
        write_status(self.run, status._replace(pid=1, pid_started=process_start(1), updated=NOW))
        reader.refresh()
        reader.stream(STEPS).refresh()
        return pace_of(reader)


def test_a_steady_pace_is_the_best_and_nothing_is_slow(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(120, 10)
    pace = run.look()
    assert [pace.recent, pace.best] == pytest.approx([100, 100])
    assert pace.slowdown == 0
    assert pace.left == pytest.approx((run.steps - run.step) / 10)


def test_a_collapse_is_seen_within_the_minute_with_its_factor(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(120, 140)
    run.train(35, 3)
    assert run.look().slowdown > 2
    run.train(60, 3)
    for reader in (run.reader, RunReader(run.run)):  # who watched it, and who looks for the first time
        pace = run.look(reader)
        assert pace.slowdown == pytest.approx(140 / 3, rel=0.05)
        assert pace.left == pytest.approx((run.steps - run.step) / 3, rel=0.05)


def test_a_pace_that_was_kept_for_a_moment_is_not_the_best(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(2, 500)
    run.train(200, 10)
    assert run.look().best == pytest.approx(100, rel=0.05)


def test_evaluations_and_pauses_are_not_counted_in_the_pace_and_evaluations_are_in_the_time_left(tmp_path: Path) -> None:
    run = Trained(tmp_path, steps=1000, per_epoch=100, evaluation=20.0)
    run.train(65, 10)  # six and a half epochs: three more evaluations after this one's steps, and one at the end
    run.time += 3600.0  # a pause
    run.train(5, 10)
    pace = run.look()
    assert pace.slowdown == 0.0
    assert pace.left == pytest.approx(30 + 3 * 20, abs=0.5)


@pytest.mark.parametrize("per_epoch", [0, 400])  # data without a length, and others
def test_evaluations_within_epochs_are_in_the_time_left(tmp_path: Path, per_epoch: int) -> None:
    run = Trained(tmp_path, steps=1000, per_epoch=per_epoch, evaluation=20.0, evaluate_every=50)
    run.train(72, 10)  # 14 evaluations are done, five come within the rest and one at its end
    assert run.look().left == pytest.approx(28 + 6 * 20, abs=0.5)


def test_data_without_a_length_are_evaluated_every_500_steps(tmp_path: Path) -> None:
    run = Trained(tmp_path, steps=2000)
    run.evaluated_after, run.evaluation = 500, 30.0
    run.train(60, 10)
    assert run.look().left == pytest.approx(140 + 3 * 30, abs=0.5)


def test_after_a_resume_the_pace_is_that_of_the_new_process(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(100, 100)
    run.look()
    run.resume()
    run.train(100, 10)
    pace = run.look()
    assert [pace.recent, pace.best] == pytest.approx([100, 100])
    assert pace.left == pytest.approx((run.steps - run.step) / 10)


def test_steps_that_compiled_are_no_measure_of_the_steps_to_come(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    newcomer = RunReader(run.run)
    run.compile(40.0, 25.0)
    assert run.look().left is None  # a guess of weeks would be no news
    for seconds in (0.04, 0.5, 2.0, 1.0, 3.0, 30.0, 60.0):
        run.train(seconds, 100)
        for reader in (run.reader, RunReader(run.run), newcomer):
            assert run.look(reader).left == pytest.approx((run.steps - run.step) / 100, rel=0.01)


def test_right_after_a_resume_the_time_left_is_that_of_the_run_so_far_and_then_that_of_the_process(tmp_path: Path) -> None:
    run = Trained(tmp_path, steps=2000, per_epoch=500, evaluation=10.0)
    run.train(10.5, 100)
    run.seconds = 30.5
    run.resume()
    before = run.look().left
    assert before == pytest.approx(950 / 100 + 2 * 10.0, abs=0.5)  # nothing is recorded of it yet
    run.compile(20.0)
    assert run.look().left == pytest.approx(30.5 / 1050 * 949, rel=0.05)
    run.train(0.1, 50)
    assert run.look().left == pytest.approx((run.steps - run.step) / 50 + 2 * 10.0, rel=0.01)


def test_a_live_change_of_the_length_changes_the_time_left_at_once(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(20, 100)
    run.look()
    run.steps = 4000
    assert run.look().left == pytest.approx(2000 / 100)
    run.steps = 2000
    assert run.look().left is None


def test_after_a_live_change_that_makes_steps_longer_the_measure_is_another(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(60, 100)
    append_event(run.run, "freeze", step=run.step, frozen=[], count=0)
    run.train(20, 25)
    pace = run.look()
    assert [pace.recent, pace.best, pace.slowdown] == pytest.approx([250, 250, 0])


def test_a_change_of_the_learning_rate_is_no_excuse(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(60, 100)
    append_event(run.run, "command", ok=True, step=run.step, changes={"optimizer.lr": 1.0}, old={})
    run.train(60, 10)
    assert run.look().slowdown == pytest.approx(10, rel=0.1)


def test_a_change_of_the_threads_begins_the_minute_anew_and_keeps_the_best(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(60, 100)
    run.train(60, 2)
    append_event(run.run, "command", ok=True, step=run.step, changes={"training.threads": 1}, old={})
    run.train(6, 80)
    pace = run.look()
    assert [pace.recent, pace.best, pace.slowdown] == pytest.approx([800, 1000, 0], rel=0.05)


def tried(run: Trained, changes: dict[str, int], pace: float, before: float) -> None:
    """What the worker records of a trial of another number of threads: that it begins (pace nan), is taken back, or is kept (no changes)."""
    append_event(run.run, "threads", step=run.step, changes=changes, old={}, pace=pace, pace_before=before)


def test_a_trial_of_fewer_threads_that_is_taken_back_is_no_change(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(60, 100)
    tried(run, {"training.threads": 1}, math.nan, 1000)
    run.train(4, 20)
    assert run.look().left == pytest.approx((run.steps - run.step) / 100, rel=0.15)  # not five times as long
    tried(run, {"training.threads": 0}, 200, 1000)
    run.train(2, 100)
    pace = run.look()
    assert pace.recent == pytest.approx(1000, rel=0.15)
    assert pace.left == pytest.approx((run.steps - run.step) / 100, rel=0.15)


@pytest.mark.parametrize("further", [False, True])
def test_a_trial_of_fewer_threads_that_is_kept_counts_from_its_beginning(tmp_path: Path, further: bool) -> None:
    run = Trained(tmp_path)
    run.train(60, 100)
    run.train(60, 2)
    tried(run, {"training.threads": 2}, math.nan, 20)
    run.train(4, 80)
    if further:  # half as many again, which are no better
        tried(run, {"training.threads": 1}, math.nan, 800)
        run.train(4, 80)
        tried(run, {"training.threads": 2}, 800, 800)
    else:
        tried(run, {}, 800, 20)
    run.train(2, 80)
    pace = run.look()
    assert [pace.recent, pace.best, pace.slowdown] == pytest.approx([800, 1000, 0], rel=0.05)


def test_the_finding_has_figures_and_advice(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    run.train(60, 100)
    run.train(90, 10)
    run.look()
    run.reader.state = RunState.TRAINING  # whatever process 1 is to the user who tests
    (finding,) = (each for each in report(run.reader).findings if each.name == "pace-fell")
    assert (finding.severity, finding.sentence) == ("warning", "pace fell to 1/10: 100 samples/s in the last minute, 1k at its best")
    run.reader.status = run.reader.status._replace(tokens_per_sample=64)
    (finding,) = (each for each in report(run.reader).findings if each.name == "pace-fell")
    assert finding.sentence == "pace fell to 1/10: 6.4k tokens/s in the last minute, 64k at its best"


def test_the_advice_names_the_runs_beside_with_their_threads(tmp_path: Path) -> None:
    run = Trained(tmp_path)
    other = new_run(tmp_path, "", {"name": "otter"}, name="otter")
    host, boot = this_host()
    status = Status(state=RunState.TRAINING, host=host, boot=boot, pid=os.getpid(), pid_started=process_start(os.getpid()), device="cpu", threads=2, updated=time.time())
    write_status(other, status)
    text = advice(run.run, status._replace(threads=2))
    assert f"{other.id} (2 threads) trains on the same" in text
    assert "training.threads=" in text
    assert "GPU" in advice(run.run, status._replace(device="cuda:0"))


def test_without_a_recorded_pace_the_time_left_follows_the_mean(tmp_path: Path) -> None:
    assert mean_seconds_left(Status(step=100, steps=300, seconds=10.0)) == 20.0
    # The hundred steps that a fork took over cost it no time.
    assert mean_seconds_left(Status(began=100, step=200, steps=300, seconds=10.0)) == 10.0
    for status in (Status(), Status(began=5, step=5, steps=9, seconds=1.0), Status(step=300, steps=300, seconds=1.0), Status(step=5, steps=9)):
        assert mean_seconds_left(status) is None
    reader = RunReader(new_run(tmp_path, "", {"name": "empty"}, name="empty"))
    assert math.isnan(pace_of(reader).recent)
