"""schedule: the numbers and the picture, with the real process that plans them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Gradtop

CONFIG = '[data]\nkind = "fake"\nsamples = 640\n\n[schedule]\nkind = "wsd"\nwarmup_steps = 5\n\n[training]\nepochs = 4\n'


@pytest.fixture(autouse=True)
def config(known_surroundings: None, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(CONFIG)


def test_the_values_are_those_of_every_step_and_the_turns(gradtop: Gradtop) -> None:
    found = json.loads(gradtop("schedule", "my.toml", "lr=0.1", "--against", "my.toml", "--json").out)
    assert (found["steps"], found["steps_per_epoch"], found["turns"]) == (40, 10, [5, 32])
    rates = {point["step"]: point["lr"] for point in found["points"]}
    assert (rates[1], rates[6], rates[32]) == (pytest.approx(0.001), pytest.approx(0.1), pytest.approx(0.1))
    assert found["against"]["points"][10]["lr"] == pytest.approx(1e-3)


def test_the_picture_names_each_curve_and_says_the_rate_at_each_turn(gradtop: Gradtop) -> None:
    said = gradtop("schedule", "my.toml", "schedule.kind=constant", "--against", "my.toml").out
    assert "⠒⠒ my.toml  40 steps, 4 epochs of 10" in said
    assert "•• my.toml  40 steps" in said
    assert "1e-3 at 32" in said
    assert "\x1b" not in said


def test_a_run_that_ends_within_an_epoch_says_so_and_has_no_turn_past_its_end(gradtop: Gradtop) -> None:
    changes = ("training.steps=25", "schedule.kind=multistep", "schedule.warmup_steps=0", "schedule.milestones=1,2,3,50", "schedule.gamma=0.5", "lr=0.1")
    said = gradtop("schedule", "my.toml", *changes).out
    assert "my.toml  25 steps, 2 epochs of 10 and 5 steps\n" in said
    assert "0.1 at 1, 0.1 at 10, 0.05 at 20, 0.025 at 25\n" in said
    assert json.loads(gradtop("schedule", "my.toml", *changes, "--json").out)["turns"] == [10, 20]


def test_data_of_unknown_size_want_the_option(gradtop: Gradtop, tmp_path: Path) -> None:
    (tmp_path / "text.toml").write_text('[model]\nkind = "language_model"\n[data]\nkind = "text"\n')
    said = gradtop("schedule", "text.toml")
    assert said.code == 2
    assert "--steps-per-epoch N" in said.err
    assert gradtop("schedule", "text.toml", "--steps-per-epoch", "20").code == 0


def test_a_mistake_in_the_settings_is_told_without_starting_anything(gradtop: Gradtop) -> None:
    said = gradtop("schedule", "my.toml", "schedule.knd=step")
    assert said.code == 2
    assert "did you mean kind?" in said.err


def test_what_is_wrong_with_a_configuration_is_said_in_its_own_words(gradtop: Gradtop) -> None:
    said = gradtop("schedule", "my.toml", "lr=-1", "schedule.warmup_stepz=3")
    assert said.code == 2
    assert sorted(said.err.splitlines()) == [
        "gradtop: optimizer.lr: must be a number > 0, not -1",
        "gradtop: schedule.warmup_stepz: unknown key; did you mean warmup_steps?",
    ]
