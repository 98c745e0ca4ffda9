"""A run does the job that its run.toml names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import load_config, parse_config
from gradtop.trainer.config.job import settings_of
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.job import find_job, job_names
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import read_meta, read_status
from gradtop.trainer.record.streams.registry import written_by
from gradtop.trainer.runtime.worker import start, work
from tests.training.runs import tiny_run


def test_a_run_that_names_no_job_is_a_training(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, epochs=1)
    assert load_config(run.config).job == "train"
    assert work(run) == 0
    assert read_status(run).state == "done"
    assert read_meta(run).job == "train"


def test_what_a_run_is_made_for_stands_in_its_configuration_and_its_meta(tmp_path: Path) -> None:
    run = create_run(tmp_path, parse_config(""))
    assert run.config.read_text().startswith('format = 1\njob = "train"\n')
    assert read_meta(run).job == "train"


def test_an_unknown_job_fails_with_a_sentence_that_names_those_there_are(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    run.config.write_text('job = "trian"\n' + run.config.read_text())
    assert work(run) == 1
    error = read_status(run).error
    assert "job: must be one of" in error
    assert "did you mean train?" in error


@pytest.mark.parametrize("value", ["1", "[1]", "{}"])
def test_a_job_that_is_no_word_is_a_problem_among_the_others(value: str) -> None:
    with pytest.raises(ConfigProblems) as wrong:
        parse_config(f"job = {value}\n[training]\nepochs = 0\n")
    assert {problem.key for problem in wrong.value.problems} == {"job", "training.epochs"}


def test_the_job_is_no_setting_of_the_command_line() -> None:
    with pytest.raises(ConfigProblems, match="job: is chosen by the command"):
        parse_config("", overrides=["job=train"])


@pytest.mark.parametrize("name", job_names())
def test_every_room_is_whole(name: str) -> None:
    job = find_job(name)
    assert job.name == name
    assert job.title
    assert written_by(name) or name in {"search", "sensitivity", "profile", "quantize"}  # whose records are trials.jsonl, profiles/ and events
    assert callable(start(name))
    settings = settings_of(name)
    assert settings is None or settings.model_fields


def test_a_job_of_another_version_is_shown_for_what_it_is() -> None:
    job = find_job("quantum")
    assert "quantum" in job.title
    assert [job.resumable, job.forkable, job.tunable] == [False] * 3
