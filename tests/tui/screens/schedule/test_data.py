"""The turning points of a schedule as the screen names them, against those of the schedule that trains."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gradtop.trainer.analysis.lr_turns import RECORDED, Turn, lr_turns, recorded_turns
from gradtop.trainer.config import parse_config, to_tables
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.optim.schedules import ScheduleConfig
from gradtop.trainer.record import RunReader, RunState, SegmentWriter, Status, write_status
from gradtop.trainer.record.streams.registry import PLAN, columns_of
from gradtop.tui.reading.chart_view import WHOLE_RUN
from gradtop.tui.reading.poll import ReadContext
from gradtop.tui.screens.overview.data import read_overview
from gradtop.tui.screens.schedule.data import read_schedule, turn_marks
from tests.tui.fake_model import planned
from tests.tui.runs_fixture import NOW, fake_run

STEPS, PER_EPOCH = 200, 10


@pytest.mark.parametrize(
    ("schedule", "turns"),
    [
        ('kind = "multistep"\nmilestones = [5, 12]\ngamma = 0.5', [(50.0, "× 0.5"), (120.0, "× 0.5")]),
        ('kind = "multistep"\nmilestones = [90, 150, 500]\nunit = "steps"\nwarmup_steps = 40', [(40.0, "warm-up ends"), (90.0, "× 0.1"), (150.0, "× 0.1")]),
        ('kind = "step"\nstep_size = 8\nwarmup_epochs = 1', [(10.0, "warm-up ends"), (80.0, "× 0.1"), (160.0, "× 0.1")]),
        ('kind = "cosine_restarts"\nperiod = 4', [(at, "restart") for at in (40.0, 80.0, 120.0, 160.0)]),
        ('kind = "cosine_restarts"\nperiod = 3\ngrowth = 2\nwarmup_steps = 20', [(20.0, "warm-up ends"), (50.0, "restart"), (110.0, "restart")]),
        ('kind = "wsd"\ndecay = 0.25\nwarmup_steps = 20', [(20.0, "warm-up ends"), (150.0, "decay begins")]),
        ('kind = "wsd"\ndecay = 1.0', []),
        ('kind = "one_cycle"', [(60.0, "peak")]),
        ('kind = "exponential"', []),
        ('kind = "constant"', []),
    ],
)
def test_the_turning_points_are_those_of_the_schedule_that_trains(schedule: str, turns: list[tuple[float, str]]) -> None:
    config = parse_config(f"[training]\nepochs = {STEPS // PER_EPOCH}\n[schedule]\n{schedule}")

    assert turn_marks(lr_turns(to_tables(config)["schedule"], STEPS, PER_EPOCH)) == turns

    rates = dict(planned_lr(config.schedule, config.optimizer, total_steps=STEPS, steps_per_epoch=PER_EPOCH))
    for at, word in turns:
        before, after = rates[int(at)], rates[int(at) + 1]
        if word.startswith("×"):
            assert after == pytest.approx(before * float(word[2:]))
        elif word == "restart":
            assert after > 2 * before
        else:
            assert rates[int(at) - 1] != rates[int(at) + 5]


def test_epochs_are_counted_in_steps_also_where_the_run_is_given_in_steps(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs", "quiet-heron")
    run.config.write_text('[schedule]\nkind = "step"\nstep_size = 1\nunit = "epochs"\ngamma = 0.1\n')
    write_status(run, Status(state=RunState.DONE, steps=100, epochs=3, steps_per_epoch=45))
    source = ReadContext(tmp_path / "runs", lambda: NOW)
    source.run = RunReader(run)
    source.run.refresh()

    assert [at for at, word in read_schedule(source, WHOLE_RUN).marks if word.startswith("×")] == [45.0, 90.0]


def test_the_turning_points_are_those_that_the_worker_recorded_with_its_plan(tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs", "quiet-heron")
    run.config.write_text('[schedule]\nkind = "of another version"\n')
    writer = SegmentWriter(run, PLAN, columns_of(PLAN), first_step=1, extra={RECORDED: [Turn(30, "warmup_end"), Turn(80, "drop", 0.5)]})
    writer.append(1, NOW, (1e-3,))
    writer.close()
    source = ReadContext(tmp_path / "runs", lambda: NOW)
    source.run = RunReader(run)
    source.run.refresh()
    source.run.stream(PLAN).refresh()

    part = read_schedule(source, WHOLE_RUN)

    assert {(30.0, "warm-up ends"), (80.0, "× 0.5")} <= set(part.marks)
    assert part.warmup == 30


@pytest.mark.parametrize("extra", [{}, {RECORDED: 3}, {RECORDED: [[5]]}, {RECORDED: [[5, "drop", "half"]]}, {RECORDED: [[5, "loop", 0.5]]}, {RECORDED: [[5.5, "drop", 0.5]]}])
def test_turning_points_that_nobody_could_have_recorded_are_not_believed(extra: dict[str, object]) -> None:
    assert recorded_turns(extra) is None


def test_many_turning_points_are_thinned() -> None:
    assert len(turn_marks(lr_turns({"kind": "step", "step_size": 1, "unit": "steps", "gamma": 0.9}, STEPS, PER_EPOCH))) == 12


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.DONE])
@pytest.mark.parametrize("kind", ScheduleConfig.kinds())
def test_a_run_whose_epochs_have_no_known_length_is_shown(state: RunState, kind: str, tmp_path: Path) -> None:
    """It has not begun; or it is a profile, or another job, of a run whose schedule counts epochs."""
    run, _ = fake_run(tmp_path / "runs", "quiet-heron")
    run.config.write_text(f'[schedule]\nkind = "{kind}"\n')
    shutil.rmtree(run.streams)
    write_status(run, Status(state=state, steps=0 if state is RunState.STARTING else 100))
    source = ReadContext(tmp_path / "runs", lambda: NOW)
    source.run = RunReader(run)
    source.run.refresh()

    assert not any("×" in word or word == "restart" for _step, word in read_schedule(source, WHOLE_RUN).marks)
    assert not any("×" in word or word == "restart" for _step, word in read_overview(source, WHOLE_RUN).marks)


def test_in_a_run_of_a_given_number_of_steps_epochs_end_where_they_end() -> None:
    table = {"kind": "step", "step_size": 1, "gamma": 0.1}

    assert turn_marks(lr_turns(table, 100, 45)) == [(45.0, "× 0.1"), (90.0, "× 0.1")]


@pytest.mark.parametrize("table", [{}, {"kind": "spiral"}, {"kind": "step", "step_size": "ten"}, {"kind": "step", "twist": 1}])
def test_a_schedule_that_this_version_does_not_know_has_no_turning_points(table: dict[str, object]) -> None:
    assert lr_turns(table, 100, 45) == []



def test_the_end_of_the_plan_is_its_last_value_in_both_modes_that_draw_it(tmp_path: Path) -> None:
    run, grower = fake_run(tmp_path / "runs", "quiet-heron")
    source = ReadContext(tmp_path / "runs", lambda: NOW)
    source.run = RunReader(run)
    source.run.refresh()
    source.run.stream(PLAN).refresh()

    last = planned(range(0, grower.steps, grower.steps // 500)[-1], grower.steps, grower.lr)
    assert read_schedule(source, WHOLE_RUN).last == pytest.approx(last)
    assert read_overview(source, WHOLE_RUN).planned_last == pytest.approx(last)
