"""What is recorded of each step: loss, gradient norm, learning rate and pace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from gradtop.trainer.monitor.instruments.steps import Noted, PaceMeter
from tests.monitor.support import monitored, table


def test_every_step_has_a_record_once_and_in_order(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        for count in (1, 7, 100, 3):
            training.train(count)
            training.monitor.flush()
        training.train(30)

    steps = table(run, "steps")
    assert steps["step"] == list(range(1, 142))
    assert steps["loss"] == training.losses
    assert steps["lr"] == [0.1] * 141
    assert steps["time"] == sorted(steps["time"])


def test_without_clipping_the_norm_is_that_of_the_sampled_steps(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        training.train(40)

    sampled = set(table(run, "layers")["step"])
    assert 10 < len(sampled) < 40
    steps = table(run, "steps")
    for step, norm, expected in zip(steps["step"], steps["grad_norm"], training.norms, strict=True):
        assert norm == pytest.approx(expected) if step in sampled else math.isnan(norm)
    assert all(math.isnan(clipped) for clipped in steps["clipped"])


def test_with_clipping_every_norm_is_there_and_what_was_clipped(tmp_path: Path) -> None:
    with monitored(tmp_path, clip=0.6) as (training, run, _):
        training.train(40)

    steps = table(run, "steps")
    assert steps["grad_norm"] == training.norms
    assert steps["clipped"] == [float(norm > 0.6) for norm in training.norms]
    assert 0 < sum(steps["clipped"]) < 40


def test_a_loss_that_is_not_finite_is_recorded_as_it_is(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        for step, loss in enumerate((1.0, math.nan, math.inf, -math.inf), 1):
            training.monitor.after_step(step, torch.tensor(loss), 0.1, None, 0.0, 6)

    losses = table(run, "steps")["loss"]
    assert losses[0] == 1.0
    assert math.isnan(losses[1])
    assert losses[2:] == [math.inf, -math.inf]


def test_the_newest_figures_are_none_and_then_those_of_the_last_step(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        assert training.monitor.latest == {"loss": None, "grad_norm": None, "lr": None, "samples_per_s": None}
        training.train(50)
        training.monitor.flush()
        latest = training.monitor.latest

    assert latest["loss"] == training.losses[-1]
    assert latest["lr"] == 0.1
    assert latest["grad_norm"] == pytest.approx(training.norms[-1], rel=1)
    assert latest["samples_per_s"] == pytest.approx(6 / 0.05)
    rates = table(run, "steps")["samples_per_s"]
    assert math.isnan(rates[0])
    assert rates[-1] == pytest.approx(6 / 0.05)


def test_a_pause_is_no_part_of_the_rate(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, _, _):
        training.train(50)
        training.monitor.flush()
        training.clock.now += 1000
        training.train(50)
        training.monitor.flush()

        assert training.monitor.latest["samples_per_s"] == pytest.approx(6 / 0.05)


def test_evaluations_after_every_few_steps_do_not_make_steps_seem_slow() -> None:
    pace, now = PaceMeter(), 0.0
    found: float | None = None
    for _ in range(20):
        for gaps in ((10.0,), (0.05,) * 5):  # the first step after an evaluation is handed over by itself
            noted: list[Noted] = []
            for gap in gaps:
                now += gap
                noted.append((1, now, torch.zeros(()), 0.1, None, 0.0, 6, 0.4 * gap, None, None))
            found = pace.look(noted)

    assert found == pytest.approx(0.05)
    assert pace.loading == pytest.approx(0.4)


def test_steps_are_handed_over_several_times_a_second_and_not_each_by_itself(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, _, writer):
        given: list[int] = []
        put_many = writer.put_many

        def noted(stream: str, rows: Sequence[tuple[float, ...]]) -> None:
            given.extend([len(rows)] if stream == "steps" else [])
            put_many(stream, rows)

        writer.put_many = noted  # type: ignore[method-assign]
        training.train(100)  # in 5 s
        training.monitor.flush()

    assert sum(given) == 100
    assert 20 <= len(given) <= 51
